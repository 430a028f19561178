import assert from "node:assert/strict";
import { test } from "node:test";

import {
  bytes,
  count,
  describe,
  headerLength,
  inspect,
  sniff,
  summarise,
} from "../../static/js/safetensors.mjs";

const ascii = (text) => new TextEncoder().encode(text);

function file(header, data = 0) {
  const text = ascii(typeof header === "string" ? header : JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return new Blob([length, text, new Uint8Array(data)]);
}

test("a safetensors header is told before anything is sent", async () => {
  const found = await inspect(
    file({
      __metadata__: { format: "pt" },
      "conv.weight": { dtype: "F32", shape: [64, 3, 7, 7], data_offsets: [0, 37632] },
      "bn.running_mean": { dtype: "F32", shape: [64], data_offsets: [37632, 37888] },
      "bn.num_batches_tracked": { dtype: "I64", shape: [], data_offsets: [37888, 37896] },
    }, 37896),
  );
  assert.equal(found.kind, "safetensors");
  assert.equal(found.about, "3 tensors (2 of them buffers), 9.4 k parameters, F32, I64");
});

test("one tensor is not written as a plural", () => {
  const header = { w: { dtype: "BF16", shape: [2, 3] } };
  assert.equal(describe(summarise(header)), "1 tensor, 6 parameters, BF16");
});

test("a safetensors file without tensors is refused", async () => {
  const found = await inspect(file({ __metadata__: {} }));
  assert.equal(found.kind, "refused");
  assert.match(found.message, /no tensors/);
});

test("a header that is not JSON is left to the server", async () => {
  assert.deepEqual(await inspect(file("{not json")), { kind: "safetensors", about: null });
});

test("a header longer than the file is not taken for safetensors", () => {
  const head = new Uint8Array(16);
  new DataView(head.buffer).setBigUint64(0, 10n ** 15n, true);
  head[8] = 0x7b;
  assert.equal(headerLength(head, 16), null);
});

test("a hostile name is counted, never run", () => {
  const header = JSON.parse('{"__proto__": {"dtype": "F32", "shape": [4]}}');
  assert.equal(summarise(header).parameters, 4);
});

test("shapes that are no numbers do not count", () => {
  const found = summarise({ a: { dtype: "F32", shape: ["x"] }, b: { dtype: "F32", shape: [-1] } });
  assert.equal(found.tensors, 0);
});

test("zip and pickle files are sent", () => {
  assert.equal(sniff(new Uint8Array([0x50, 0x4b, 3, 4, 0, 0]), 100).kind, "zip");
  assert.equal(sniff(new Uint8Array([0x80, 2, 0x8a, 10]), 100).kind, "pickle");
});

test("unknown bytes are sent: the server decides", () => {
  assert.equal(sniff(new Uint8Array([0, 1, 2, 3, 255, 254]), 6).kind, "unknown");
});

for (const [what, head, sentence] of [
  ["an empty file", new Uint8Array(0), /empty \(0 bytes\)/],
  ["an HTML page", ascii("<!DOCTYPE html><html>"), /HTML page/],
  ["a Git LFS pointer", ascii("version https://git-lfs.github.com/spec/v1\n"), /Git LFS pointer/],
  ["a PNG image", new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10]), /89 50 4E 47, a PNG image/],
  ["a gzip archive", new Uint8Array([0x1f, 0x8b, 8, 0]), /gzip archive/],
]) {
  test(`${what} is refused with its own sentence`, () => {
    const found = sniff(head, head.length);
    assert.equal(found.kind, "refused");
    assert.match(found.message, sentence);
    assert.notEqual(found.hint, "");
  });
}

test("a text is sent, as it may describe a network", () => {
  assert.equal(sniff(ascii("Linear(784, 512)\n"), 17).kind, "text");
});

test("a text that is too long for a network is refused", () => {
  assert.match(sniff(ascii("Linear(784, 512)\n"), 300_000).message, /300\.0 kB; .* at most 262\.1 kB/);
});

test("text cut in the middle of a character is still text", () => {
  const whole = ascii(`${"x".repeat(509)}é`);
  assert.equal(sniff(whole.slice(0, 510), 4000).kind, "text");
});

test("sizes and counts read like those of the server", () => {
  assert.equal(bytes(102_549_120), "102.5 MB");
  assert.equal(bytes(999), "999 B");
  assert.equal(count(262_144), "262.1 k");
  assert.equal(count(999_960), "1.0 M");
});
