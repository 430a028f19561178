// What a file is, judged in the browser from its first bytes, before anything is sent.

export const SNIFF_BYTES = 512;
const HEADER_LIMIT = 64 * 2 ** 20; // bytes of header read here; the server reads longer ones
const TEXT_LIMIT = 256 * 2 ** 10; // bytes of a network's text
const EXPECTED = "Expected .safetensors, or a .pt, .pth, .bin or .ckpt written by torch.save.";
const BUFFER = /(^|\.)(running_mean|running_var|num_batches_tracked)$/;
const UNITS = ["", " k", " M", " G", " T", " P"];
const BYTE_UNITS = [" B", " kB", " MB", " GB", " TB", " PB"];

// [first bytes, what a file that starts so is, what to do with it]
const FOREIGN = [
  [[0x89, 0x50, 0x4e, 0x47], "a PNG image"],
  [[0xff, 0xd8, 0xff], "a JPEG image"],
  [[0x47, 0x49, 0x46, 0x38], "a GIF image"],
  [[0x25, 0x50, 0x44, 0x46], "a PDF document"],
  [[0x1f, 0x8b], "a gzip archive", "Unpack it and drop the file inside."],
  [[0x28, 0xb5, 0x2f, 0xfd], "a zstandard archive", "Unpack it and drop the file inside."],
  [[0x37, 0x7a, 0xbc, 0xaf], "a 7-Zip archive", "Unpack it and drop the file inside."],
  [[0x7f, 0x45, 0x4c, 0x46], "a program"],
];

function scaled(value, units) {
  let size = value;
  let step = 0;
  while (size >= 999.95 && step < units.length - 1) {
    size /= 1000;
    step += 1;
  }
  return `${step === 0 ? size.toFixed(0) : size.toFixed(1)}${units[step]}`;
}

/** 262144 as "262.1 k". */
export const count = (value) => scaled(value, UNITS);

/** 41600000 bytes as "41.6 MB". */
export const bytes = (value) => scaled(value, BYTE_UNITS);

/** 1 as "1 tensor", 320 as "320 tensors". */
export const plural = (value, noun) =>
  `${value.toLocaleString("en")} ${noun}${value === 1 ? "" : "s"}`;

const hex = (head) =>
  [...head.slice(0, 4)].map((byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join(" ");

const startsWith = (head, magic) => magic.every((byte, place) => head[place] === byte);

const refusal = (message, hint = EXPECTED) => ({ kind: "refused", message, hint });

function textOf(head) {
  const text = new TextDecoder("utf-8").decode(head);
  const last = text.lastIndexOf("\ufffd"); // a character cut at the end is still text
  const whole = last >= 0 && last >= text.length - 3 ? text.slice(0, last) : text;
  // eslint-disable-next-line no-control-regex
  return whole === "" || /[\u0000-\u0008\u000e-\u001a\u001c-\u001f\ufffd]/.test(whole) ? null : whole;
}

function judgeText(text, size) {
  const start = text.trimStart().toLowerCase();
  if (start.startsWith("version https://git-lfs")) {
    return refusal("This is a Git LFS pointer, not the weights.", "Run `git lfs pull`, then drop it.");
  }
  if (start.startsWith("<!doctype html") || start.startsWith("<html")) {
    return refusal(
      "This is an HTML page, not a checkpoint.",
      "A download that needs a login often saves its sign-in page. Download the file again.",
    );
  }
  if (size > TEXT_LIMIT) {
    return refusal(`This is a text of ${bytes(size)}; a network's has at most ${bytes(TEXT_LIMIT)}.`);
  }
  return { kind: "text" };
}

/** Length of the JSON header when the first bytes are a safetensors file's, else null. */
export function headerLength(head, size) {
  if (head.length < 10 || head[8] !== 0x7b) return null; // the header is a JSON object
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const length = view.getBigUint64(0, true);
  return length >= 2n && length <= BigInt(size) - 8n ? Number(length) : null;
}

/**
 * What a file is by its first bytes.
 *
 * `{kind: "safetensors"|"zip"|"pickle"|"text"|"unknown"}` is sent; `{kind: "refused", message, hint}` is not.
 */
export function sniff(head, size) {
  if (size === 0) return refusal("The file is empty (0 bytes).", "Check that its download finished.");
  if (headerLength(head, size) !== null) return { kind: "safetensors" };
  if (startsWith(head, [0x50, 0x4b, 0x03, 0x04])) return { kind: "zip" };
  if (head[0] === 0x80 && head[1] >= 2 && head[1] <= 5) return { kind: "pickle" };
  for (const [magic, name, hint] of FOREIGN) {
    if (startsWith(head, magic)) {
      return refusal(`Not a checkpoint: the first bytes are ${hex(head)}, ${name}.`, hint);
    }
  }
  const text = textOf(head);
  return text === null ? { kind: "unknown" } : judgeText(text, size);
}

function addTensor(found, name, entry) {
  const shape = Array.isArray(entry?.shape) ? entry.shape : [];
  const values = shape.reduce((product, axis) => product * Number(axis), 1);
  if (!Number.isFinite(values) || values < 0) return;
  found.tensors += 1;
  found.dtypes.add(String(entry.dtype).slice(0, 16));
  if (BUFFER.test(name)) found.buffers += 1;
  else found.parameters += values;
}

/** Tensors, parameters, buffers and dtypes that a parsed safetensors header names. */
export function summarise(header) {
  const found = { tensors: 0, parameters: 0, buffers: 0, dtypes: new Set() };
  for (const [name, entry] of Object.entries(header)) {
    if (name !== "__metadata__") addTensor(found, name, entry);
  }
  return { ...found, dtypes: [...found.dtypes].sort() };
}

/** "320 tensors (53 of them buffers), 25.6 M parameters, F32, I64". */
export function describe({ tensors, parameters, buffers, dtypes }) {
  const apart = buffers === 0 ? "" : ` (${buffers.toLocaleString("en")} of them buffers)`;
  return `${plural(tensors, "tensor")}${apart}, ${count(parameters)} parameters, ${dtypes.join(", ")}`;
}

/** What the header of a safetensors file says, or null when it is for the server to read. */
export async function readHeader(file) {
  const length = headerLength(new Uint8Array(await file.slice(0, 16).arrayBuffer()), file.size);
  if (length === null || length > HEADER_LIMIT) return null;
  try {
    return summarise(JSON.parse(await file.slice(8, 8 + length).text()));
  } catch {
    return null; // not JSON: the server says what is wrong with it
  }
}

/** What to say of a file before it is sent: a refusal, or `{kind, about}`. */
export async function inspect(file) {
  const head = new Uint8Array(await file.slice(0, SNIFF_BYTES).arrayBuffer());
  const judged = sniff(head, file.size);
  if (judged.kind !== "safetensors") return { about: null, ...judged };
  const found = await readHeader(file);
  if (found === null) return { kind: judged.kind, about: null };
  if (found.tensors === 0) {
    return refusal("This safetensors file holds no tensors.", "Drop the file that holds the weights.");
  }
  return { kind: judged.kind, about: describe(found) };
}
