import assert from "node:assert/strict";
import { test } from "node:test";

import {
  duration,
  percent,
  problemOf,
  progressText,
  remember,
  speed,
} from "../../static/js/upload.mjs";

test("progress names bytes, percent, speed and time left", () => {
  const text = progressText(26_500_000, 102_500_000, 9_600_000);
  assert.equal(text, "26.5 MB of 102.5 MB, 25 %, 9.6 MB/s, 8 s left");
});

test("progress without a known speed leaves speed and time out", () => {
  assert.equal(progressText(0, 1000, null), "0 B of 1.0 kB, 0 %");
});

test("100 % is said only when the last byte is sent", () => {
  assert.equal(percent(999_999, 1_000_000), "99 %");
  assert.equal(percent(1_000_000, 1_000_000), "100 %");
});

test("an empty file is sent whole", () => assert.equal(percent(0, 0), "100 %"));

test("speed is the mean over the window", () => {
  assert.equal(speed([[0, 0], [1000, 4_000_000]]), 4_000_000);
});

test("speed is unknown in the first moments", () => {
  assert.equal(speed([[0, 0]]), null);
  assert.equal(speed([[0, 0], [100, 5]]), null);
});

test("samples leave the window after three seconds", () => {
  assert.deepEqual(remember([[0, 0], [2000, 5]], [4000, 9]), [[2000, 5], [4000, 9]]);
});

test("time left is written in the units a person uses", () => {
  assert.equal(duration(0.2), "1 s");
  assert.equal(duration(125), "2 min 5 s");
  assert.equal(duration(3780), "1 h 3 min");
});

test("the server's own problem is told as it is", () => {
  const body = JSON.stringify({ ok: false, error: "x", message: "Too large.", hint: "Smaller." });
  assert.deepEqual(problemOf(413, body), { message: "Too large.", hint: "Smaller." });
});

test("an answer of something in between is told by its status", () => {
  assert.match(problemOf(502, "<html>Bad gateway</html>").message, /status 502/);
});
