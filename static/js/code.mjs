// The code page: copy. The reader: the server says what it finds as one types.

import { rangeOf } from "./lines.mjs";

const PAUSE_MS = 350; // after the last key

/** The address with the text in it, or without where it is too long. */
export function addressOf(href, code, longest) {
  const url = new URL(href);
  if (code && code.length <= longest) url.searchParams.set("code", code);
  else url.searchParams.delete("code");
  return url.href;
}

function listenToCopy(button) {
  const said = document.querySelector("[data-copied]");
  button.addEventListener("click", async () => {
    const code = document.querySelector("[data-code]");
    try {
      await navigator.clipboard.writeText(code.textContent);
      said.textContent = "Copied.";
    } catch {
      // No clipboard here, as on plain http: leave the code selected for the person's own key.
      getSelection().selectAllChildren(code);
      said.textContent = "Selected: copy it with your keys.";
    }
  });
}

class Reader {
  constructor(form) {
    this.form = form;
    this.address = form.getAttribute("action");
    this.field = form.querySelector("textarea");
    this.place = document.querySelector("[data-reading]");
    this.live = form.querySelector("[data-live]");
    this.longest = Number(form.dataset.longest);
    this.asked = null;
    this.timer = null;
  }

  listen() {
    this.field.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), PAUSE_MS);
    });
    this.place.addEventListener("click", (event) => {
      const line = event.target.closest("[data-line]");
      if (line) this.select(Number(line.dataset.line));
    });
  }

  select(line) {
    const range = rangeOf(this.field.value, line);
    if (!range) return;
    this.field.focus();
    this.field.setSelectionRange(...range);
  }

  async ask() {
    const code = this.field.value;
    this.asked?.abort();
    this.asked = new AbortController();
    const here = new URL(this.address + location.search, location.href);
    history.replaceState(history.state, "", addressOf(here, code, this.longest));
    try {
      const answer = await fetch(`${this.address}/reading`, {
        method: "POST",
        body: new URLSearchParams({ code }),
        signal: this.asked.signal,
      });
      if (answer.ok) this.show(await answer.text());
    } catch {
      // A later text was asked for, or the service is away: the last finding stays.
    }
  }

  show(text) {
    const told = document.createElement("template");
    told.innerHTML = text; // the server's own template, everything escaped
    this.place.replaceChildren(told.content);
    this.live.textContent = this.place.querySelector("[data-headline]")?.textContent ?? "";
  }
}

if (typeof document !== "undefined") {
  const copy = document.querySelector("[data-copy]");
  if (copy) listenToCopy(copy);
  const form = document.querySelector("[data-reader]");
  if (form) new Reader(form).listen();
}
