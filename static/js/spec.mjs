// The spec editor: the server says what it understands of a network as one types.

import { Typed } from "./typed.mjs";

class Editor extends Typed {
  constructor(form) {
    const brief = "brief" in form.dataset; // a box on another page: one line, the address is not its own
    super(form, document.querySelector("[data-echo]"), { answer: "echo", inAddress: !brief });
    this.brief = brief;
  }

  listen() {
    super.listen();
    this.place.addEventListener("click", (event) => {
      const wrong = event.target.closest(".wrong") && this.place.querySelector("[data-wrong]");
      if (wrong) this.select(Number(wrong.dataset.wrong));
    });
  }

  show(answer) {
    if (!this.brief) return super.show(answer);
    const line = answer.querySelector(".echo-line");
    this.place.replaceChildren(...(line?.childNodes ?? []));
    return this.place.querySelector("[data-headline]")?.textContent;
  }
}

if (typeof document !== "undefined") {
  const form = document.querySelector("[data-spec]");
  if (form) new Editor(form).listen();
}
