import assert from "node:assert/strict";
import { test } from "node:test";

import { actionOf } from "../../static/js/keys.mjs";
import { coloured, fileName } from "../../static/js/plots.mjs";
import { addressOf, logTicks, picked, powerLabel, yAxis } from "../../static/js/tensor.mjs";
import { themeInForce, withoutTheme } from "../../static/js/theme.mjs";

const trace = (id, beside) => ({ name: id, line: { color: "c" }, meta: { id, beside } });
const traces = [{ name: "measured" }, trace("a", ["b"]), trace("b", ["a", "c"]), trace("c", [])];

test("variables become colours, deep inside, and nothing else changes", () => {
  const figure = { data: [{ y: [1, 2], marker: { color: "var(--ink)" } }], note: "var(x)" };
  assert.deepEqual(coloured(figure, (name) => `<${name}>`), {
    data: [{ y: [1, 2], marker: { color: "<--ink>" } }],
    note: "var(x)",
  });
});

test("the picked law is thick and painted last, those beside it dotted", () => {
  const shown = picked(traces, "b");
  assert.equal(shown.at(-1).name, "b");
  assert.equal(shown.at(-1).line.dash, "solid");
  assert.deepEqual(shown.filter((each) => each.visible).map((each) => each.name), ["a", "c", "b"]);
});

test("without a law only the measured bars are shown", () => {
  assert.deepEqual(picked(traces, null).filter((each) => each.visible !== false).map((each) => each.name), ["measured"]);
});

test("powers of ten are spelled out", () => {
  assert.deepEqual([-8, 0, 1, 12].map(powerLabel), ["10⁻⁸", "1", "10", "10¹²"]);
});

test("a short logarithmic axis has more than powers of ten", () => {
  assert.deepEqual(logTicks(0.9, 9).map(([, label]) => label), ["1", "2", "5"]);
  assert.deepEqual(logTicks(1e-4, 20).map(([, label]) => label), ["10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "1", "10"]);
});

test("the linear axis starts at zero", () => assert.deepEqual(yAxis(false, 5, 0.1).range, [0, 5]));

test("the address keeps what is not the default", () => {
  const at = "http://h/m/1/t/2?scheme=x&logy=1";
  assert.equal(addressOf(at, { scheme: "a(1)", log: false, byDefault: "b" }), "http://h/m/1/t/2?scheme=a%281%29");
  assert.equal(addressOf(at, { scheme: "b", log: true, byDefault: "b" }), "http://h/m/1/t/2?logy=1");
});

test("an explicit theme wins over the system's", () => {
  assert.equal(themeInForce("light", true), "light");
  assert.equal(themeInForce(undefined, true), "dark");
  assert.equal(withoutTheme("http://h/m/1?theme=dark&q=a"), "http://h/m/1?q=a");
});

const press = (key, changes = {}) => ({ key, target: { matches: () => false }, ...changes });

test("single keys act, and do not when they are switched off", () => {
  assert.equal(actionOf(press("/"), true), "filter");
  assert.equal(actionOf(press("/"), false), null);
});

test("typing and held modifiers are left alone", () => {
  const field = { target: { matches: () => true } };
  assert.equal(actionOf(press("j", field), true), null);
  assert.equal(actionOf(press("Escape", field), true), "leave");
  assert.equal(actionOf(press("t", { ctrlKey: true }), true), null);
});

test("a file name holds nothing that a file system minds", () => {
  assert.equal(fileName("a/b: <c>\u202e.weight", "qq"), "a_b_c_.weight-qq");
});
