// The tensor page: Plotly takes the server's drawing over, laws are picked, y turns logarithmic.

/** The figure's JSON with every "var(--name)" replaced by what `resolve` makes of the name. */
export function coloured(value, resolve) {
  if (typeof value === "string") {
    const found = /^var\((--[\w-]+)\)$/.exec(value);
    return found ? resolve(found[1]) : value;
  }
  if (Array.isArray(value)) {
    return typeof value[0] === "number" ? value : value.map((item) => coloured(item, resolve));
  }
  if (value && typeof value === "object") {
    const pairs = Object.entries(value).map(([key, item]) => [key, coloured(item, resolve)]);
    return Object.fromEntries(pairs);
  }
  return value;
}

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

function resolver() {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const resolve = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  return { resolve, done: () => probe.remove() };
}

class Figure {
  constructor(box) {
    this.box = box;
    this.target = box.querySelector("[data-plotly]");
    this.source = JSON.parse(document.getElementById("figure-data").textContent);
    this.scheme = this.source.layout.meta.picked;
    this.log = this.source.layout.yaxis.type === "log";
    this.byDefault = new URL(location.href).searchParams.has("scheme") ? null : this.scheme;
  }

  #top() {
    const chosen = this.source.data.find((trace) => trace.meta?.id === this.scheme);
    return chosen?.meta.top ?? this.source.layout.meta.top;
  }

  /** Margins and type as large as in the server's drawing, which the box scales. */
  #fit(layout) {
    const scale = Math.min(this.box.clientWidth / this.source.layout.meta.width, 1.2);
    for (const side of ["l", "r", "t", "b"]) layout.margin[side] *= scale;
    for (const font of [layout.xaxis, layout.yaxis].flatMap((axis) => [axis.tickfont, axis.title.font])) {
      font.size *= scale;
    }
  }

  async draw() {
    const { resolve, done } = resolver();
    const figure = coloured(this.source, resolve);
    done();
    const { floor } = this.source.layout.meta;
    figure.layout.yaxis = { ...figure.layout.yaxis, ...yAxis(this.log, this.#top(), floor) };
    figure.layout.font.family = getComputedStyle(document.body).fontFamily;
    this.#fit(figure.layout);
    const traces = picked(figure.data, this.scheme);
    await Plotly.react(this.target, traces, figure.layout, figure.config);
    this.box.classList.add("drawn");
  }

  pick(id) {
    this.scheme = id;
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
    this.#legend();
    this.draw();
  }

  #marks() {
    for (const row of document.querySelectorAll("tr[data-scheme]")) {
      const on = row.dataset.scheme === this.scheme;
      row.classList.toggle("picked", on);
      const link = row.querySelector("a");
      if (on) link?.setAttribute("aria-current", "true");
      else link?.removeAttribute("aria-current");
    }
    const button = document.querySelector("[data-action=log]");
    button.setAttribute("aria-pressed", String(this.log));
    const twin = document.querySelector("[data-svg]");
    twin.href = new URL(twin.href).pathname + new URL(location.href).search;
  }

  #legend() {
    const list = document.querySelector("[data-legend]");
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

  save() {
    const name = document.title.replaceAll(/[^\w.-]+/g, "_").slice(0, 80);
    Plotly.downloadImage(this.target, { format: "png", width: 1080, height: 600, scale: 2, filename: name });
  }

  listen() {
    document.querySelector(".candidates")?.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      const link = event.target.closest("a") ?? event.target.closest("tr[data-scheme]")?.querySelector("a");
      if (!link) return;
      event.preventDefault();
      this.pick(link.closest("tr").dataset.scheme);
    });
    const log = document.querySelector("[data-action=log]");
    log.addEventListener("click", (event) => {
      event.preventDefault();
      this.switchLog();
    });
    log.addEventListener("keydown", (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      this.switchLog();
    });
    document.querySelector("[data-action=png]").addEventListener("click", () => this.save());
    document.addEventListener("themechange", () => this.draw());
  }
}

if (typeof document !== "undefined") {
  const box = document.querySelector("[data-chart]");
  if (box && typeof Plotly !== "undefined") {
    const figure = new Figure(box);
    figure.listen();
    figure.draw();
  }
}
