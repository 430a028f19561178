// The layers page: filter and sort without a request, and what the heat map says under the pointer.
// The server honours the same query, so everything here works without this script too.

const FIELDS = ["q", "status", "kind", "finding", "sort", "view", "unit", "range", "page", "theme"];
const EXCEPTIONS = new Set(["problem", "differs", "no_match"]);

/** The state in a query string; what it does not hold is "". */
export function stateOf(search) {
  const parameters = new URLSearchParams(search);
  return Object.fromEntries(FIELDS.map((name) => [name, parameters.get(name) ?? ""]));
}

/** The query string of a state, defaults left out. */
export function queryOf(state) {
  const parameters = new URLSearchParams();
  for (const name of FIELDS) if (state[name]) parameters.set(name, state[name]);
  const text = parameters.toString();
  return text ? `?${text}` : "";
}

/** The words of the filter box. */
export function wordsOf(q) {
  return q.toLowerCase().replaceAll("×", "x").split(/\s+/).filter(Boolean);
}

/** Whether a row ({index, sign, kind, text}) stays for this state; `only` are a finding's rows. */
export function stays(row, state, only) {
  if (state.status && row.sign !== state.status) return false;
  if (only && !only.has(row.index)) return false;
  if (["weights", "biases", "buffers"].includes(state.kind) && row.kind !== state.kind) return false;
  const narrowed = state.kind || state.status || state.finding || state.q;
  if (!narrowed && row.kind !== "weights" && !EXCEPTIONS.has(row.sign)) return false;
  return wordsOf(state.q).every((word) => row.text.includes(word));
}

/** How rows ({index, size, scheme, deviation}) are ordered. */
export function comparison(sort) {
  const byIndex = (a, b) => a.index - b.index;
  const orders = {
    size: (a, b) => b.size - a.size || byIndex(a, b),
    deviation: (a, b) => b.deviation - a.deviation || byIndex(a, b),
    scheme: (a, b) => (a.scheme < b.scheme ? -1 : a.scheme > b.scheme ? 1 : byIndex(a, b)),
  };
  return orders[sort] ?? byIndex;
}

/** The tensors ([index, name, scheme, sign]) under a height of the heat map, 0 to 1. */
export function tensorsAt(share, tensors, height) {
  const rows = Math.min(tensors.length, height);
  const row = Math.min(Math.max(Math.floor(share * rows), 0), rows - 1);
  const first = Math.ceil((row * tensors.length) / rows);
  const last = Math.ceil(((row + 1) * tensors.length) / rows);
  return tensors.slice(first, Math.max(last, first + 1));
}

/** The one that a click opens among tensors that share a row: an exception before the others. */
export function foremost(tensors) {
  return tensors.find((tensor) => EXCEPTIONS.has(tensor[3])) ?? tensors[0];
}

function readRow(element) {
  const text = (name) => element.querySelector(name)?.textContent.trim() ?? "";
  const scheme = text(".c-scheme");
  const shape = text(".c-shape").replaceAll(" × ", "x");
  return {
    element,
    index: Number(element.dataset.row),
    sign: element.dataset.sign,
    kind: element.dataset.class,
    size: Number(element.dataset.size),
    deviation: Number(element.dataset.dev),
    scheme,
    text: `${text(".c-name a")} ${shape} ${text(".c-kind")} ${scheme}`.toLowerCase(),
  };
}

class Tensors {
  constructor(table) {
    this.table = table;
    this.body = table.querySelector("tbody");
    this.state = stateOf(location.search);
    this.only = this.#finding();
    this.rows = null; // read at the first change, not while the page loads
    this.input = document.querySelector("[data-filter]");
  }

  #finding() {
    const text = this.table.dataset.only;
    return this.state.finding ? new Set((text ?? "").split(",").map(Number)) : null;
  }

  set(changes) {
    const sorted = "sort" in changes && changes.sort !== this.state.sort;
    Object.assign(this.state, changes, { page: "" });
    if ("kind" in changes || "status" in changes || "finding" in changes) {
      this.state.finding = "";
      this.only = null;
    }
    this.rows ??= [...this.body.querySelectorAll("[data-row]")].map(readRow);
    if (sorted) this.#sort();
    this.#filter();
    this.#links();
    history.replaceState(history.state, "", location.pathname + queryOf(this.state));
  }

  #sort() {
    this.rows.sort(comparison(this.state.sort));
    this.body.append(...this.rows.map((row) => row.element));
    for (const head of this.table.querySelectorAll("th[aria-sort]")) {
      const value = head.querySelector("a").dataset.value;
      const way = value === "" || value === "scheme" ? "ascending" : "descending";
      head.setAttribute("aria-sort", value === this.state.sort ? way : "none");
    }
  }

  #filter() {
    let shown = 0;
    for (const row of this.rows) {
      const kept = stays(row, this.state, this.only);
      row.element.hidden = !kept;
      shown += kept;
    }
    const total = Number(this.table.dataset.total);
    const noun = total === 1 ? "tensor" : "tensors";
    const counted = `${shown.toLocaleString("en")} of ${total.toLocaleString("en")} ${noun}`;
    document.querySelector("[data-count]").textContent = counted;
    document.querySelector("[data-empty]").hidden = shown > 0;
    const narrowed = this.state.q || this.state.status || this.state.kind || this.state.finding;
    document.querySelector("[data-shown] [data-clear]").hidden = !narrowed;
  }

  #links() {
    for (const link of document.querySelectorAll("a[data-set]")) {
      const { set, value } = link.dataset;
      const current = this.state[set] === value;
      const next = set === "status" && current ? "" : value;
      link.href = queryOf({ ...this.state, [set]: next }) || "?";
      if (!["kind", "status"].includes(set)) continue;
      if (current && !this.state.finding) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const query = queryOf({ ...this.state, page: "", theme: "" });
    const base = this.table.dataset.base;
    document.querySelector("[data-export]").href = `${base}.csv${query}`;
    for (const link of document.querySelectorAll(".twin, link[rel=alternate]")) {
      link.href = `${base}.json${query}`;
    }
    for (const field of document.querySelectorAll(".filter input[type=hidden]")) {
      field.value = this.state[field.name] ?? "";
    }
  }

  listen() {
    this.input.addEventListener("input", () => this.set({ q: this.input.value.trim() }));
    this.input.form.addEventListener("submit", (event) => event.preventDefault());
    document.addEventListener("click", (event) => this.#click(event));
  }

  #click(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const link = event.target.closest("a[data-set], a[data-clear]");
    if (!link) return;
    if ("clear" in link.dataset) {
      event.preventDefault();
      this.input.value = "";
      this.set({ q: "", status: "", kind: "", finding: "" });
      return;
    }
    const { set, value } = link.dataset;
    if (!["kind", "status", "sort"].includes(set)) return;
    event.preventDefault();
    this.set({ [set]: set === "status" && this.state.status === value ? "" : value });
  }
}

class Heat {
  constructor(box) {
    this.box = box;
    this.picture = box.querySelector(".heat");
    this.tip = box.querySelector("[data-tip]");
    this.base = document.querySelector("[data-tensors]").dataset.base;
    this.data = null;
  }

  #under(event) {
    this.data ??= JSON.parse(document.getElementById("heat-data").textContent);
    const frame = this.picture.getBoundingClientRect();
    const x = ((event.clientX - frame.left) / frame.width) * 2 - 1;
    const share = (event.clientY - frame.top) / frame.height;
    return {
      tensors: tensorsAt(share, this.data.tensors, this.data.height),
      x: x * this.data.halfWidth,
    };
  }

  #show(event) {
    const { tensors, x } = this.#under(event);
    const [, name, scheme] = foremost(tensors);
    const more = tensors.length > 1 ? ` and ${tensors.length - 1} more in this row` : "";
    const value = `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(2)}`;
    this.tip.textContent = `${name} · ${scheme} · ${value}${more}`;
    this.tip.hidden = false;
    const box = this.box.getBoundingClientRect();
    const left = event.clientX - box.left;
    const before = left > box.width / 2;
    this.tip.style.left = before ? "" : `${left + 14}px`;
    this.tip.style.right = before ? `${box.width - left + 14}px` : "";
    this.tip.style.top = `${event.clientY - box.top + 12}px`;
  }

  listen() {
    this.picture.addEventListener("pointermove", (event) => this.#show(event));
    this.picture.addEventListener("pointerleave", () => (this.tip.hidden = true));
    this.picture.addEventListener("click", (event) => {
      location.assign(`${this.base}/t/${foremost(this.#under(event).tensors)[0]}`);
    });
  }
}

if (typeof document !== "undefined") {
  const table = document.querySelector("[data-tensors]");
  if (table?.dataset.whole === "true") new Tensors(table).listen();
  const heat = document.querySelector("[data-heat]");
  if (heat) new Heat(heat).listen();
}
