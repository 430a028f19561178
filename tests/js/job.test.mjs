import assert from "node:assert/strict";
import { test } from "node:test";

import { isDark } from "../../static/js/docs.mjs";
import { next, pause, titleOf } from "../../static/js/job.mjs";

test("it asks every 400 ms, and every 2 s after half a minute", () => {
  assert.equal(pause(0), 400);
  assert.equal(pause(29_999), 400);
  assert.equal(pause(30_000), 2000);
});

test("a finished analysis opens its report", () => assert.equal(next({ state: "done" }), "open"));

test("a failed or cancelled one is shown by the server", () => {
  assert.equal(next({ state: "failed" }), "reload");
  assert.equal(next({ state: "cancelled" }), "reload");
});

test("one in progress is shown as it goes", () => {
  assert.equal(next({ state: "queued" }), "show");
  assert.equal(next({ state: "running" }), "show");
});

test("the title carries the percentage once it is known", () => {
  assert.equal(titleOf({ percent: 50 }, "Reading a.pt"), "50 % · Reading a.pt");
  assert.equal(titleOf({ percent: null }, "Reading a.pt"), "Reading a.pt");
});

test("the documentation follows the page's theme before the system's", () => {
  assert.equal(isDark("light", true), false);
  assert.equal(isDark("dark", false), true);
  assert.equal(isDark(undefined, true), true);
});
