// The propagation page: follows a measurement, makes charts live where one points at them, saves PNGs.
import { pause } from "./job.mjs";
import { Plot, fileName } from "./plots.mjs";
import { logTicks } from "./tensor.mjs";

/** Whether an answer means that the page shows something else now. */
export const ended = (status) => !status || !["queued", "running"].includes(status.state);

/** The SVG twin of a figure in the theme in force. */
export function themed(href, base, theme) {
  const url = new URL(href, base);
  url.searchParams.set("theme", theme);
  return url.href;
}

/** Ticks of a logarithmic axis between two powers of ten, as Plotly takes them. */
export function ticksBetween(low, high) {
  const found = logTicks(10 ** low, 10 ** high);
  return { tickvals: found.map(([value]) => value), ticktext: found.map(([, label]) => label) };
}

const themeNow = () => {
  const chosen = document.documentElement.dataset.theme;
  if (chosen) return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
};

/** A drawing of the server as PNG, twice as large as its own size. */
async function savePng(figure, key) {
  const link = figure.querySelector("[data-svg]");
  const answer = await fetch(themed(link.href, location.href, themeNow()));
  const text = await answer.text();
  const { width, height } = new DOMParser().parseFromString(text, "image/svg+xml").documentElement.viewBox.baseVal;
  const sized = text.replace("<svg ", `<svg width="${width}" height="${height}" `);
  const picture = new Image();
  picture.src = URL.createObjectURL(new Blob([sized], { type: "image/svg+xml" }));
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * width, 2 * height];
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(picture.src);
  const saved = document.createElement("a");
  saved.download = `${fileName(document.title, key)}.png`;
  saved.href = canvas.toDataURL("image/png");
  saved.click();
}

let library = null;

/** Plotly, asked for once and only when a chart is pointed at. */
function plotly() {
  const { plotlySrc, plotlyIntegrity } = document.querySelector("script[data-plotly-src]").dataset;
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: plotlySrc, integrity: plotlyIntegrity, crossOrigin: "anonymous" });
    script.addEventListener("load", resolve);
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  return library;
}

/** A chart that the server drew and Plotly draws once one points at it. */
export class DepthChart extends Plot {
  constructor(element) {
    super(element);
    this.live = false;
    if (this.source) this.box.addEventListener("pointerenter", () => this.wake(), { once: true });
  }

  async wake() {
    await plotly();
    this.live = true;
    await this.draw();
    this.target.on("plotly_relayout", (change) => this.#retick(change));
  }

  async draw() {
    if (this.live && this.element.isConnected) await super.draw();
  }

  prepared(figure) {
    for (const note of figure.layout.annotations) note.font.size *= this.box.clientWidth / figure.layout.meta.width;
    return figure;
  }

  /** The axis after a zoom has ticks of its own. */
  #retick(change) {
    const axis = this.source.layout.yaxis;
    const whole = change["yaxis.autorange"] || change["xaxis.autorange"];
    const [low, high] = [change["yaxis.range[0]"], change["yaxis.range[1]"]];
    if (whole) this.draw();
    else if (axis.type === "log" && low !== undefined) {
      const { tickvals, ticktext } = ticksBetween(low, high);
      Plotly.relayout(this.target, { "yaxis.tickvals": tickvals, "yaxis.ticktext": ticktext });
    }
  }

  save() {
    savePng(this.element, this.key);
  }
}

class Measurement {
  constructor(root) {
    this.root = root;
    this.started = performance.now();
  }

  find(part) {
    return this.root.querySelector(`[data-${part}]`);
  }

  show(status) {
    this.find("line").textContent = status.line;
    const step = status.line.split(":")[0];
    if (this.find("live").textContent !== step) this.find("live").textContent = step;
    const notice = this.find("notice");
    if (notice.textContent !== status.notice) notice.textContent = status.notice;
    notice.hidden = !status.notice;
    if (status.percent === null) this.find("bar").removeAttribute("value");
    else this.find("bar").value = status.percent;
  }

  async ask() {
    if (!this.root.isConnected) return;
    try {
      const answer = await fetch(this.root.dataset.propagation, { headers: { Accept: "application/json" } });
      const status = answer.ok ? await answer.json() : null;
      if (ended(status)) {
        location.reload();
        return;
      }
      this.show(status);
    } catch {
      // The service is away: keep asking.
    }
    setTimeout(() => this.ask(), pause(performance.now() - this.started));
  }
}

/** Make a part of the page live: its charts, its drawings' buttons, its measurement. */
export function wire(root) {
  for (const figure of root.querySelectorAll("[data-figure]")) new DepthChart(figure);
  for (const picture of root.querySelectorAll("[data-picture]")) {
    const button = picture.querySelector("[data-action=png]");
    button.addEventListener("click", () => savePng(picture, picture.dataset.picture));
  }
  const going = root.querySelector("[data-propagation]");
  if (going) new Measurement(going).ask();
}

if (typeof document !== "undefined" && document.querySelector("script[data-plotly-src]")) wire(document);
