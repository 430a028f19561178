// The seed page: asks how far the search is; the server words the line and shows the result.
import { pause } from "./job.mjs";

/** Whether an answer means that the page shows something else now. */
export const ended = (search) => !search || !["queued", "running"].includes(search.state);

class SeedPage {
  constructor(root) {
    this.root = root;
    this.started = performance.now();
  }

  show(search) {
    this.root.querySelector("[data-line]").textContent = search.line;
    const bar = this.root.querySelector("[data-bar]");
    if (search.percent === null) bar.removeAttribute("value");
    else bar.value = search.percent;
  }

  async ask() {
    try {
      const answer = await fetch(this.root.dataset.seed, { headers: { Accept: "application/json" } });
      const search = answer.ok ? await answer.json() : null;
      if (ended(search)) {
        location.reload();
        return;
      }
      this.show(search);
    } catch {
      // The service is away: keep asking.
    }
    setTimeout(() => this.ask(), pause(performance.now() - this.started));
  }
}

if (typeof document !== "undefined" && document.querySelector("[data-seed]")) {
  new SeedPage(document.querySelector("[data-seed]")).ask();
}
