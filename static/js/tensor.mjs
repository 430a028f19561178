// The tensor page: a law is picked and every figure is drawn against it; y turns logarithmic.
import { Plot } from "./plots.mjs";

/** The traces for one picked law: it is thick, those beside it dotted, the rest not shown. */
export function picked(traces, id) {
  const chosen = traces.find((trace) => trace.meta?.id === id);
  const beside = chosen?.meta.beside ?? [];
  const styled = traces.map((trace) => {
    if (!trace.meta) return trace;
    const thick = trace === chosen;
    return {
      ...trace,
      visible: thick || beside.includes(trace.meta.id),
      line: { ...trace.line, width: thick ? 2.5 : 1.5, dash: thick ? "solid" : "dot" },
    };
  });
  // The thick line is painted last, over the dotted ones.
  return [...styled].sort((a, b) => (a.meta?.id === id) - (b.meta?.id === id));
}

/** Range and labels of the density axis; powers of ten are spelled out, as Plotly's stand taller. */
export function yAxis(log, top, floor) {
  if (!log) return { type: "linear", range: [0, top], tickmode: "auto" };
  const low = Math.log10(floor);
  const high = Math.log10(top * 1.5);
  const ticks = logTicks(floor, top * 1.5);
  return {
    type: "log",
    range: [low, high],
    tickmode: "array",
    tickvals: ticks.map(([value]) => value),
    ticktext: ticks.map(([, label]) => label),
  };
}

/** Powers of ten between two densities with their labels; 1, 2 and 5 of each where few fit. */
export function logTicks(low, high) {
  const first = Math.floor(Math.log10(low));
  const powers = Array.from({ length: Math.floor(Math.log10(high)) - first + 1 }, (_, at) => first + at);
  const inside = powers.filter((power) => Number(`1e${power}`) >= low);
  if (inside.length > 2) {
    const stride = Math.max(1, Math.floor(inside.length / 6));
    return inside.filter((_, at) => at % stride === 0).map((power) => [Number(`1e${power}`), powerLabel(power)]);
  }
  const values = powers.flatMap((power) => [1, 2, 5].map((times) => Number(`${times}e${power}`)));
  return values.filter((value) => value >= low && value <= high).map((value) => [value, String(value)]);
}

/** 10 to a whole power in plain characters. */
export function powerLabel(power) {
  if (power === 0) return "1";
  if (power === 1) return "10";
  const raised = [...String(power)].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign])).join("");
  return `10${raised}`;
}

/** The address with the picked law and the kind of axis, each left out when it is the default. */
export function addressOf(href, { scheme, log, byDefault }) {
  const url = new URL(href);
  if (scheme && scheme !== byDefault) url.searchParams.set("scheme", scheme);
  else url.searchParams.delete("scheme");
  if (log) url.searchParams.set("logy", "1");
  else url.searchParams.delete("logy");
  return url.href;
}

class Histogram extends Plot {
  constructor(element) {
    super(element);
    this.scheme = this.source.layout.meta.picked;
    this.log = this.source.layout.yaxis.type === "log";
  }

  #top() {
    const chosen = this.source.data.find((trace) => trace.meta?.id === this.scheme);
    return chosen?.meta.top ?? this.source.layout.meta.top;
  }

  prepared(figure) {
    const { floor } = this.source.layout.meta;
    const axis = { ...figure.layout.yaxis, ...yAxis(this.log, this.#top(), floor) };
    const layout = { ...figure.layout, yaxis: axis };
    return { ...figure, data: picked(figure.data, this.scheme), layout };
  }

  show(scheme, log) {
    this.scheme = scheme;
    this.log = log;
    this.#legend();
    this.draw();
  }

  #legend() {
    const list = this.element.querySelector("[data-legend]");
    const kept = [...list.children].filter((item) => item.querySelector(".block, .dashed"));
    const laws = picked(this.source.data, this.scheme).filter((trace) => trace.meta && trace.visible);
    const entries = [...laws.slice(-1), ...laws.slice(0, -1)].map((trace) => {
      const item = document.createElement("li");
      const key = document.createElement("i");
      const thick = trace.meta.id === this.scheme;
      key.className = `key ${thick ? "thick" : "dotted"} f-${trace.meta.family}`;
      item.append(key, trace.name);
      return item;
    });
    list.replaceChildren(...[kept[0], ...entries, ...kept.slice(1)].filter(Boolean));
  }
}

class Page {
  constructor(figures) {
    this.figures = figures;
    this.histogram = figures.find((figure) => figure instanceof Histogram);
    this.scheme = document.querySelector("tr.picked[data-scheme]")?.dataset.scheme ?? null;
    this.log = this.histogram?.log ?? false;
    this.byDefault = new URL(location.href).searchParams.has("scheme") ? null : this.scheme;
  }

  pick(scheme) {
    this.scheme = scheme;
    this.#show();
  }

  switchLog() {
    this.log = !this.log;
    this.#show();
  }

  #show() {
    const { scheme, log, byDefault } = this;
    history.replaceState(history.state, "", addressOf(location.href, { scheme, log, byDefault }));
    this.#marks();
    this.histogram?.show(scheme, log);
    for (const figure of this.figures) figure.address(location.search);
    this.#ask(location.href);
  }

  /** What only the server can work out, unless another law was picked meanwhile. */
  async #ask(asked) {
    const address = new URL(asked);
    const answer = await fetch(`${address.pathname}/figures.json${address.search}`);
    if (!answer.ok || asked !== location.href) return;
    const { figures } = await answer.json();
    for (const figure of this.figures) if (figures[figure.key]) figure.take(figures[figure.key]);
  }

  #marks() {
    for (const row of document.querySelectorAll("tr[data-scheme]")) {
      const on = row.dataset.scheme === this.scheme;
      row.classList.toggle("picked", on);
      const link = row.querySelector("a");
      if (on) link?.setAttribute("aria-current", "true");
      else link?.removeAttribute("aria-current");
    }
    document.querySelector("[data-action=log]")?.setAttribute("aria-pressed", String(this.log));
  }

  listen() {
    document.querySelector(".candidates:has(tr[data-scheme])")?.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      if (event.target.closest("summary")) return;
      const link = event.target.closest("a") ?? event.target.closest("tr[data-scheme]")?.querySelector("a");
      if (!link) return;
      event.preventDefault();
      this.pick(link.closest("tr").dataset.scheme);
    });
    const log = document.querySelector("[data-action=log]");
    log?.addEventListener("click", (event) => {
      event.preventDefault();
      this.switchLog();
    });
    log?.addEventListener("keydown", (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      this.switchLog();
    });
  }
}

if (typeof document !== "undefined" && typeof Plotly !== "undefined") {
  const elements = [...document.querySelectorAll("[data-figure]")];
  const page = new Page(
    elements.map((each) => (each.dataset.figure === "hist" ? new Histogram(each) : new Plot(each))),
  );
  page.listen();
  for (const figure of page.figures) figure.draw();
}
