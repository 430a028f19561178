// Dropped, chosen or pasted files: judged here first, then sent one after another.

import { bytes, inspect } from "./safetensors.mjs";

const SPEED_WINDOW_MS = 3000; // speed is the mean over the last three seconds

/** "8 s", "2 min 5 s", "1 h 3 min": how long is left. */
export function duration(seconds) {
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Bytes a second over the samples `[time in ms, bytes sent]` of the window, or null. */
export function speed(samples) {
  const [start, end] = [samples[0], samples[samples.length - 1]];
  const seconds = samples.length > 1 ? (end[0] - start[0]) / 1000 : 0;
  return seconds > 0.2 ? (end[1] - start[1]) / seconds : null;
}

/** `samples` with one more, without those that left the window. */
export function remember(samples, sample) {
  return [...samples.filter(([time]) => sample[0] - time <= SPEED_WINDOW_MS), sample];
}

/** "26 %", never 100 before the last byte. */
export const percent = (sent, total) =>
  `${total === 0 ? 100 : sent >= total ? 100 : Math.min(99, Math.floor((100 * sent) / total))} %`;

/** "26.5 MB of 102.5 MB, 26 %, 9.6 MB/s, 8 s left". */
export function progressText(sent, total, rate) {
  const parts = [`${bytes(sent)} of ${bytes(total)}`, percent(sent, total)];
  if (rate !== null && rate > 0) {
    parts.push(`${bytes(rate)}/s`);
    if (sent < total) parts.push(`${duration((total - sent) / rate)} left`);
  }
  return parts.join(", ");
}

/** What a failed answer says: its own problem, or one for an answer that is not ours. */
export function problemOf(status, text) {
  try {
    const { message, hint } = JSON.parse(text);
    if (typeof message === "string") return { message, hint: hint ?? "" };
  } catch {
    // a proxy answered: fall through
  }
  return { message: `The server answered with status ${status}.`, hint: "Send the file again." };
}

class Transfer {
  constructor(page, file) {
    this.page = page;
    this.file = file;
    this.samples = [];
    this.stopped = false;
    this.card = page.template.content.firstElementChild.cloneNode(true);
    this.find("name").textContent = file.name;
    this.find("size").textContent = bytes(file.size);
    this.find("line").textContent = "Waiting for the file before it.";
    this.find("cancel").addEventListener("click", () => this.cancel());
    page.list.append(this.card);
  }

  find(part) {
    return this.card.querySelector(`[data-part="${part}"]`);
  }

  say(text) {
    this.find("line").textContent = text;
  }

  close() {
    this.find("cancel").hidden = true;
    this.find("bar").hidden = true;
  }

  refuse({ message, hint }) {
    this.close();
    this.card.classList.add("refused");
    this.find("sign").hidden = false;
    this.say(message);
    this.find("hint").textContent = hint;
    this.page.announce(`${this.file.name}: ${message} ${hint}`);
    return null;
  }

  cancel() {
    this.stopped = true;
    this.request?.abort();
    this.close();
    this.say("Cancelled. Nothing of it was kept.");
    this.page.announce(`Cancelled ${this.file.name}.`);
  }

  async judge() {
    const { maxBytes, maxText } = this.page;
    if (this.file.size > maxBytes) {
      const message = `The file has ${bytes(this.file.size)}; this service takes up to ${maxText}.`;
      return { kind: "refused", message, hint: "Use `initscope analyze PATH` where the file is." };
    }
    try {
      return await inspect(this.file);
    } catch {
      return { kind: "refused", message: "The file could not be read.", hint: "A folder? Drop the files in it." };
    }
  }

  /** The address to open next, or null when there is none. */
  async run() {
    if (this.stopped) return null;
    const judged = await this.judge();
    if (this.stopped) return null;
    if (judged.kind === "refused") return this.refuse(judged);
    if (judged.about !== null) {
      this.find("about").textContent = `${judged.about}.`;
      this.find("source").hidden = false;
    }
    this.page.announce(`Sending ${this.file.name}. ${judged.about ?? ""}`);
    return this.send();
  }

  send() {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      this.request = request;
      request.open("POST", `${this.page.address}?name=${encodeURIComponent(this.file.name)}`);
      request.setRequestHeader("Accept", "application/json");
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.onprogress = (event) => this.progress(event.loaded);
      request.upload.onload = () => this.sent();
      request.onload = () => resolve(this.answered(request));
      request.onerror = () => resolve(this.broken());
      request.onabort = () => resolve(null);
      this.progress(0);
      request.send(this.file);
    });
  }

  progress(sent) {
    this.samples = remember(this.samples, [performance.now(), sent]);
    const bar = this.find("bar");
    bar.hidden = false;
    bar.max = this.file.size;
    bar.value = sent;
    this.say(progressText(sent, this.file.size, speed(this.samples)));
    this.page.title(`${percent(sent, this.file.size)} · ${this.file.name}`);
  }

  sent() {
    this.find("bar").removeAttribute("value");
    this.find("cancel").hidden = true;
    this.say("Sent. Opening the report …");
    this.page.announce(`${this.file.name} is sent.`);
  }

  broken() {
    return this.refuse({
      message: "The connection broke before the file was sent.",
      hint: "Check that the service still runs, then send the file again.",
    });
  }

  answered(request) {
    if (request.status < 200 || request.status > 299) {
      return this.refuse(problemOf(request.status, request.responseText));
    }
    const { url } = JSON.parse(request.responseText);
    this.close();
    this.say("Sent.");
    const link = this.find("open");
    link.href = url;
    link.hidden = false;
    return url;
  }
}

class UploadPage {
  constructor(document) {
    this.document = document;
    this.zone = document.querySelector("[data-drop]");
    this.address = this.zone.getAttribute("action");
    this.input = this.zone.querySelector("input[type=file]");
    this.list = document.querySelector("[data-transfers]");
    this.template = document.querySelector("template[data-transfer]");
    this.live = document.querySelector("[data-announce]");
    this.maxBytes = Number(this.zone.dataset.maxBytes);
    this.maxText = this.zone.dataset.maxText;
    this.ownTitle = document.title;
    this.queue = Promise.resolve();
  }

  announce(text) {
    this.live.textContent = text;
  }

  title(text) {
    this.document.title = text === null ? this.ownTitle : `${text} · ${this.ownTitle}`;
  }

  take(files) {
    const transfers = [...files].map((file) => new Transfer(this, file));
    this.queue = this.queue.then(() => this.sendAll(transfers));
  }

  takeChosen() {
    this.take(this.input.files);
    this.input.value = "";
  }

  async sendAll(transfers) {
    for (const transfer of transfers) {
      const url = await transfer.run();
      if (url !== null && transfers.length === 1) this.document.location.assign(url);
    }
    this.title(null);
  }

  listen() {
    this.input.multiple = true; // without scripts one form carries one file
    this.zone.querySelector("[data-send]").hidden = true;
    this.input.addEventListener("change", () => this.takeChosen());
    this.takeChosen(); // before this script was there
    this.document.addEventListener("paste", (event) => this.take(event.clipboardData?.files ?? []));
    this.listenToDrops();
  }

  listenToDrops() {
    const over = (is) => this.zone.classList.toggle("over", is);
    const carriesFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
    this.document.addEventListener("dragover", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      over(true);
    });
    this.document.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) over(false);
    });
    this.document.addEventListener("drop", (event) => {
      over(false);
      if (!carriesFiles(event)) return;
      event.preventDefault();
      this.take(event.dataTransfer.files);
    });
  }
}

if (typeof document !== "undefined" && document.querySelector("[data-drop]")) {
  new UploadPage(document).listen();
}
