// The job page: asks how far the analysis is and shows it; the server words every line.

const SOON_MS = 400;
const LATER_MS = 2000;
const PATIENCE_MS = 30_000; // after this long, ask less often

/** Milliseconds to wait before asking again, `elapsed` ms after the page opened. */
export const pause = (elapsed) => (elapsed < PATIENCE_MS ? SOON_MS : LATER_MS);

/** What to do with an answer: "show" it, "open" the report, or "reload" for the final words. */
export function next(job) {
  if (job.state === "done") return "open";
  return job.state === "queued" || job.state === "running" ? "show" : "reload";
}

/** "50 % · Reading model.pt". */
export const titleOf = (job, own) => (job.percent === null ? own : `${job.percent} % · ${own}`);

class JobPage {
  constructor(document) {
    this.document = document;
    this.root = document.querySelector("[data-job]");
    this.ownTitle = this.root.dataset.title;
    this.started = performance.now();
    this.announced = null;
  }

  find(part) {
    return this.root.querySelector(`[data-part="${part}"]`);
  }

  showBar(job) {
    const bar = this.find("bar");
    if (job.percent === null) bar.removeAttribute("value");
    else bar.value = job.percent;
  }

  showSteps(job) {
    job.steps.forEach((step, place) => {
      const line = this.root.querySelectorAll("[data-step]")[place];
      line.dataset.step = step.state;
      line.querySelector("[data-part=sign]").textContent = step.sign;
      line.querySelector("[data-part=word]").textContent = step.word;
      line.querySelector("[data-part=note]").textContent = step.note;
    });
  }

  showNotice(notice) {
    const place = this.find("notice");
    if (place.textContent !== notice) place.textContent = notice; // announced once
    place.hidden = notice === "";
  }

  show(job) {
    this.showBar(job);
    this.showSteps(job);
    this.find("line").textContent = job.line;
    this.showNotice(job.notice);
    this.document.title = titleOf(job, this.ownTitle);
    if (job.step_title !== this.announced) {
      this.announced = job.step_title;
      this.find("live").textContent = job.step_title; // per step, not per tensor
    }
  }

  act(job) {
    const { location } = this.document;
    const step = next(job);
    if (step === "open") location.replace(job.url);
    else if (step === "reload") location.reload();
    else this.show(job);
    return step === "show";
  }

  async ask() {
    let goOn = true;
    try {
      const answer = await fetch(this.root.dataset.job, { headers: { Accept: "application/json" } });
      if (answer.status === 404) this.document.location.reload();
      else if (answer.ok) goOn = this.act(await answer.json());
      this.find("lost").hidden = true;
    } catch {
      this.find("lost").hidden = false; // the service is away: keep asking
    }
    if (goOn) setTimeout(() => this.ask(), pause(performance.now() - this.started));
  }
}

if (typeof document !== "undefined" && document.querySelector("[data-job]")) {
  new JobPage(document).ask();
}
