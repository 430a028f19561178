// The What if page: a changed plan is answered at once, in the same charts and in the address.
import { isChanged } from "./fields.mjs";
import { wire } from "./propagation.mjs";

const PAUSE = 150; // ms after the last letter
const SLOW = 250; // ms after which what is shown is marked as being of the last plan

/** The query of a form's fields; those at their defaults are empty and left out. */
export function queryOf(entries) {
  const kept = [...entries].filter(([, value]) => typeof value === "string" && value.trim() !== "");
  const text = new URLSearchParams(kept).toString();
  return text ? `?${text}` : "";
}

/** The values that an address sets: of every field, its own or the empty default. */
export function valuesOf(names, href, base) {
  const params = new URL(href, base).searchParams;
  return new Map(names.map((name) => [name, params.get(name) ?? ""]));
}

class Plan {
  constructor(form, shown) {
    this.form = form;
    this.shown = shown;
    this.asked = null;
    this.waiting = 0;
    form.addEventListener("input", () => this.soon(PAUSE, { typing: true }));
    form.addEventListener("change", () => this.soon(0));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.soon(0);
    });
    document.addEventListener("click", (event) => this.follow(event));
    this.mark();
    this.later();
    if (this.fields.some(isChanged)) this.soon(0); // typed before this script was there, or gone back to
  }

  get state() {
    return this.shown.querySelector("[data-state]").dataset;
  }

  get fields() {
    return [...this.form.elements].filter((field) => field.name && field.type !== "hidden");
  }

  soon(pause, { typing = false } = {}) {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.update(typing), pause);
  }

  /** A link that sets the form, unless it is to open elsewhere. */
  follow(event) {
    const link = event.target.closest?.("[data-sets], [data-field]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const { field, value } = link.dataset;
    const done = field ? this.set(new Map([[field, value]])) : this.set(this.#named(link.href));
    if (!done) return; // the list has no such entry: the link's own page has
    event.preventDefault();
    this.soon(0);
  }

  #named(href) {
    return valuesOf(this.fields.map((field) => field.name), href, location.href);
  }

  /** Whether every field could take its value. */
  set(values) {
    const known = this.fields.filter((field) => values.has(field.name));
    const can = (field) => !field.options || [...field.options].some((option) => option.value === values.get(field.name));
    if (!known.every(can)) return false;
    for (const field of known) field.value = values.get(field.name);
    return true;
  }

  async update(typing) {
    const wrong = this.fields.find((field) => !field.checkValidity());
    if (wrong && typing && wrong.validity.badInput) return; // half a number
    if (wrong) {
      this.refuse({ message: `${wrong.getAttribute("aria-label") ?? wrong.name}: ${wrong.validationMessage}`, hint: "" });
      return;
    }
    this.asked?.abort();
    this.asked = new AbortController();
    const { signal } = this.asked;
    const slow = setTimeout(() => this.shown.classList.add("waiting"), SLOW);
    try {
      const query = queryOf(new FormData(this.form));
      const answer = await fetch(`${this.form.getAttribute("action")}/shown${query}`, { signal });
      if (answer.ok) this.show(await answer.text());
      else this.refuse(await answer.json());
    } catch (error) {
      if (!signal.aborted) this.refuse({ message: "The service does not answer; the plan is not applied.", hint: "" });
    } finally {
      clearTimeout(slow);
      if (this.asked.signal === signal) this.shown.classList.remove("waiting");
    }
  }

  show(text) {
    const links = () => [...this.shown.querySelectorAll("a[data-sets]")];
    const focused = links().indexOf(document.activeElement);
    const height = this.shown.querySelector("[data-later]")?.offsetHeight;
    this.shown.innerHTML = text;
    const later = this.shown.querySelector("[data-later]");
    if (later && height) later.style.minHeight = `${height}px`; // so that the charts stay in place
    wire(this.shown);
    this.later();
    if (focused >= 0) links()[focused]?.focus();
    document.querySelector("[data-wrong]").hidden = true;
    document.querySelector("[data-said]").textContent = this.state.sentence;
    history.replaceState(null, "", this.form.getAttribute("action") + this.state.query);
    for (const link of document.querySelectorAll(".twin, link[type='application/json']")) link.href = this.state.json;
    this.mark();
  }

  /** What takes longer than the rest is asked for behind it. */
  async later() {
    const place = this.shown.querySelector("[data-later]");
    if (!place) return;
    try {
      const answer = await fetch(place.dataset.later);
      if (answer.ok && place.isConnected) place.innerHTML = await answer.text();
      place.classList.add("answered");
      place.style.minHeight = "";
    } catch {
      // The service is away: the page is whole without it.
    }
  }

  /** What the form says of the plan as a whole. */
  mark() {
    for (const field of this.form.querySelectorAll("[data-rest]")) {
      field.options[0].textContent = `as the rest: ${this.state.base}`;
    }
    for (const link of this.form.querySelectorAll("[data-field]")) {
      const chosen = this.form.elements[link.dataset.field].value === link.dataset.value;
      if (chosen) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  refuse({ message, hint }) {
    const line = document.querySelector("[data-wrong]");
    line.textContent = [message, hint].filter(Boolean).join(" ");
    line.hidden = false;
  }
}

if (typeof document !== "undefined") {
  const form = document.querySelector("[data-plan]");
  const shown = document.querySelector("[data-shown]");
  if (form && shown) new Plan(form, shown);
}
