// The spec editor: the server says what it understands as one types; the address holds a short text.

import { rangeOf } from "./lines.mjs";

const PAUSE_MS = 250; // after the last key

/** The address with the text in it, or without where it is too long. */
export function addressOf(href, net, longest) {
  const url = new URL(href);
  if (net && net.length <= longest) url.searchParams.set("net", net);
  else url.searchParams.delete("net");
  return url.href;
}

class Editor {
  constructor(form) {
    this.form = form;
    this.address = form.getAttribute("action");
    this.field = form.querySelector("textarea");
    this.place = document.querySelector("[data-echo]");
    this.live = form.querySelector("[data-live]");
    this.longest = Number(form.dataset.longest);
    this.brief = "brief" in form.dataset; // a box on another page: one line, the address is not its own
    this.asked = null;
    this.timer = null;
  }

  listen() {
    this.field.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), PAUSE_MS);
    });
    this.place.addEventListener("click", (event) => {
      if (event.target.closest(".wrong")) this.select();
    });
  }

  select() {
    const wrong = this.place.querySelector("[data-wrong]");
    const range = wrong && rangeOf(this.field.value, Number(wrong.dataset.wrong));
    if (!range) return;
    this.field.focus();
    this.field.setSelectionRange(...range);
  }

  async ask() {
    const net = this.field.value;
    this.asked?.abort();
    this.asked = new AbortController();
    const here = new URL(this.address + location.search, location.href);
    if (!this.brief) history.replaceState(history.state, "", addressOf(here, net, this.longest));
    try {
      const answer = await fetch(`${this.address}/echo`, {
        method: "POST",
        body: new URLSearchParams({ net }),
        signal: this.asked.signal,
      });
      if (answer.ok) this.show(await answer.text());
    } catch {
      // A later text was asked for, or the service is away: the last echo stays.
    }
  }

  show(text) {
    const told = document.createElement("template");
    told.innerHTML = text; // the server's own template, every name escaped
    const line = told.content.querySelector(".echo-line");
    if (this.brief) this.place.replaceChildren(...(line ? line.childNodes : []));
    else this.place.replaceChildren(told.content);
    this.live.textContent = line ? line.querySelector("strong").textContent : "";
  }
}

if (typeof document !== "undefined" && document.querySelector("[data-spec]")) {
  new Editor(document.querySelector("[data-spec]")).listen();
}
