// The code page: copy. The reader: the server says what it finds in a text as one types.

import { Typed } from "./typed.mjs";

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

class Reader extends Typed {
  constructor(form) {
    super(form, document.querySelector("[data-reading]"), { answer: "reading" });
  }

  listen() {
    super.listen();
    this.place.addEventListener("click", (event) => {
      const line = event.target.closest("[data-line]");
      if (line) this.select(Number(line.dataset.line));
    });
  }
}

if (typeof document !== "undefined") {
  const copy = document.querySelector("[data-copy]");
  if (copy) listenToCopy(copy);
  const form = document.querySelector("[data-reader]");
  if (form) new Reader(form).listen();
}
