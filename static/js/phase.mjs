// The phase view: charts that live where one points at them, and choices that show at once.
import { isChanged } from "./fields.mjs";
import { DepthChart } from "./propagation.mjs";

const PAUSE = 250; // ms after the last key before a number counts

/** A colour scale of one phase: nothing where it is not, its colour where it is. */
export const tint = (hue) => [
  [0, "rgba(0,0,0,0)"],
  [1, hue],
];

/** The address of a form's choices; a place that follows from another choice is left out. */
export function chosen(action, fields, { moved = false } = {}) {
  const kept = [...fields].filter(([name, value]) => value !== "" && !(moved && ["sw", "sb"].includes(name)));
  const query = new URLSearchParams(kept).toString();
  return query ? `${action}?${query}` : action;
}

/** A number as a person would type it. */
export const short = (value) => String(Number(value.toPrecision(4)));

class PhaseChart extends DepthChart {
  constructor(element, page) {
    super(element);
    this.page = page;
  }

  prepared(figure) {
    for (const trace of figure.data) if (trace.meta?.hue) trace.colorscale = tint(trace.meta.hue);
    return super.prepared(figure);
  }

  async wake() {
    await super.wake();
    if (this.key !== "plane") return;
    this.target.on("plotly_click", ({ points }) => this.page.choose(points[0].x, points[0].y));
  }
}

class PhasePage {
  constructor(form) {
    this.form = form;
    this.results = document.querySelector("[data-results]");
    this.live = document.querySelector("[data-live]");
    this.charts = this.draw();
    form.addEventListener("submit", (event) => this.submit(event));
    form.addEventListener("change", (event) => this.show({ moved: event.target.name === "scheme" }));
    form.addEventListener("input", (event) => event.target.type === "number" && this.wait());
    const changed = [...form.elements].filter((field) => field.name && isChanged(field));
    // Chosen before this script was there, or gone back to.
    if (changed.length) this.show({ moved: changed.some(({ name }) => name === "scheme") });
  }

  draw() {
    return [...document.querySelectorAll("[data-figure]")].map((figure) => new PhaseChart(figure, this));
  }

  choose(sigmaW, sigmaB) {
    this.form.elements.sw.value = short(sigmaW);
    this.form.elements.sb.value = short(sigmaB);
    this.show();
  }

  submit(event) {
    event.preventDefault();
    this.show();
  }

  wait() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.show(), PAUSE);
  }

  async show(how) {
    clearTimeout(this.waiting);
    if (!this.form.checkValidity()) return;
    const address = chosen(this.form.getAttribute("action"), new FormData(this.form), how);
    if (address === this.asked) return;
    this.asked = address;
    this.results.setAttribute("aria-busy", "true");
    const answer = await fetch(this.withTheme(address)).catch(() => null);
    if (this.asked !== address) return;
    if (!answer?.ok) {
      location.assign(address);
      return;
    }
    this.take(await answer.text(), address);
  }

  withTheme(address) {
    const theme = new URLSearchParams(location.search).get("theme");
    if (!theme) return address;
    return `${address}${address.includes("?") ? "&" : "?"}theme=${theme}`;
  }

  /** The page of other choices in the place of this one's. */
  take(text, address) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const awake = new Set(this.charts.filter((chart) => chart.live).map((chart) => chart.key));
    this.results.replaceChildren(...page.querySelector("[data-results]").childNodes);
    this.results.removeAttribute("aria-busy");
    document.querySelector("[data-intro]").textContent = page.querySelector("[data-intro]").textContent;
    for (const name of ["sw", "sb"]) {
      const field = this.form.elements[name];
      if (document.activeElement !== field) field.value = page.querySelector(`[name=${name}]`).value;
    }
    const twin = document.querySelector("a.twin");
    if (twin) twin.href = page.querySelector("a.twin").getAttribute("href");
    history.replaceState(null, "", this.withTheme(address));
    this.live.textContent = this.results.querySelector(".headline").textContent.trim();
    this.charts = this.draw();
    for (const chart of this.charts) if (awake.has(chart.key)) chart.wake();
  }
}

if (typeof document !== "undefined") {
  const form = document.querySelector("[data-phase-form]");
  if (form) new PhasePage(form);
}
