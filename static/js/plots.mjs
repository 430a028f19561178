// A figure that the server drew as SVG and Plotly then draws in the same place.

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

/** A file name without anything that a file system might mind. */
export function fileName(title, part) {
  return `${title}-${part}`.replaceAll(/[^\w.-]+/g, "_").slice(-80);
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

/** One figure of the page, found by its `data-figure` name. */
export class Plot {
  constructor(element) {
    this.element = element;
    this.key = element.dataset.figure;
    this.box = element.querySelector("[data-chart]");
    this.target = element.querySelector("[data-plotly]");
    this.source = JSON.parse(element.querySelector("[data-source]").textContent);
    element.querySelector("[data-action=png]").addEventListener("click", () => this.save());
    document.addEventListener("themechange", () => this.draw());
  }

  /** Margins and type as large as in the server's drawing, which the box scales. */
  #fit(layout) {
    const scale = Math.min(this.box.clientWidth / this.source.layout.meta.width, 1.2);
    const letters = parseFloat(getComputedStyle(this.box).getPropertyValue("--letters")) || 1;
    for (const side of ["l", "r", "t", "b"]) layout.margin[side] *= scale;
    for (const font of [layout.xaxis, layout.yaxis].flatMap((axis) => [axis.tickfont, axis.title.font])) {
      font.size *= scale * letters;
    }
  }

  /** Traces and layout of what is shown now, colours and all. */
  prepared(figure) {
    return figure;
  }

  async draw() {
    const { resolve, done } = resolver();
    const figure = this.prepared(coloured(this.source, resolve));
    done();
    figure.layout.font.family = getComputedStyle(document.body).fontFamily;
    this.#fit(figure.layout);
    await Plotly.react(this.target, figure.data, figure.layout, figure.config);
    this.box.classList.add("drawn");
  }

  /** What the server made for another law: the drawing that is printed, the data, the words. */
  take({ svg, plotly, caption, law, family }) {
    this.box.querySelector(":scope > svg").outerHTML = svg;
    if (!plotly) return;
    this.source = plotly;
    this.element.querySelector("[data-caption]").textContent = caption;
    this.element.querySelector("[data-law]").textContent = law;
    this.element.querySelector("[data-hue]").className = `key shade f-${family}`;
    this.draw();
  }

  /** The same query in the addresses of its files. */
  address(search) {
    for (const link of this.element.querySelectorAll("[data-twin]")) {
      link.href = new URL(link.href).pathname + search;
    }
  }

  save() {
    const { width, height } = this.box.getBoundingClientRect();
    const filename = fileName(document.title, this.key);
    Plotly.downloadImage(this.target, { format: "png", width, height, scale: 2, filename });
  }
}
