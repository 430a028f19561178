// A text that the server reads as one types; the address holds it where it is short.

import { isChanged } from "./fields.mjs";
import { rangeOf } from "./lines.mjs";

const PAUSE_MS = 250; // after the last key

/** The address with the text in it under a name, or without where it is too long. */
export function addressOf(href, name, text, longest) {
  const url = new URL(href);
  if (text && text.length <= longest) url.searchParams.set(name, text);
  else url.searchParams.delete(name);
  return url.href;
}

export class Typed {
  /** A form with one textarea, where the answer goes, and what of the form's address answers. */
  constructor(form, place, { answer, inAddress = true }) {
    this.address = form.getAttribute("action");
    this.field = form.querySelector("textarea");
    this.live = form.querySelector("[data-live]");
    this.longest = Number(form.dataset.longest);
    this.place = place;
    this.answer = answer;
    this.inAddress = inAddress;
    this.asked = null;
    this.timer = null;
  }

  listen() {
    this.field.addEventListener("input", () => this.soon());
    if (isChanged(this.field)) this.soon(); // typed before this script was there, or gone back to
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), PAUSE_MS);
  }

  select(line) {
    const range = rangeOf(this.field.value, line);
    if (!range) return;
    this.field.focus();
    this.field.setSelectionRange(...range);
  }

  async ask() {
    const { name, value } = this.field;
    this.asked?.abort();
    this.asked = new AbortController();
    const here = new URL(this.address + location.search, location.href);
    if (this.inAddress) history.replaceState(history.state, "", addressOf(here, name, value, this.longest));
    try {
      const answer = await fetch(`${this.address}/${this.answer}`, {
        method: "POST",
        body: new URLSearchParams({ [name]: value }),
        signal: this.asked.signal,
      });
      if (answer.ok) this.take(await answer.text());
    } catch {
      // A later text was asked for, or the service is away: the last answer stays.
    }
  }

  take(text) {
    const told = document.createElement("template");
    told.innerHTML = text; // the server's own template, everything in it escaped
    this.live.textContent = this.show(told.content) ?? "";
  }

  /** Put an answer in its place; what of it is read aloud. */
  show(answer) {
    const headline = answer.querySelector("[data-headline]")?.textContent;
    this.place.replaceChildren(answer);
    return headline;
  }
}
