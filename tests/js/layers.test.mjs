import assert from "node:assert/strict";
import { test } from "node:test";

import {
  comparison,
  foremost,
  queryOf,
  stateOf,
  stays,
  tensorsAt,
} from "../../static/js/layers.mjs";

const row = (changes) => ({
  index: 3,
  sign: "as_expected",
  kind: "weights",
  text: "a.weight 96x96 linear pytorch default",
  ...changes,
});

test("a state survives its own query string", () => {
  const state = stateOf("?q=a+b&status=differs&unknown=1");
  assert.equal(queryOf(state), "?q=a+b&status=differs");
});

test("the defaults have no query string", () => assert.equal(queryOf(stateOf("")), ""));

test("at first weights stay, and whatever is not as expected", () => {
  const state = stateOf("");
  assert.ok(stays(row({}), state, null));
  assert.ok(!stays(row({ kind: "biases" }), state, null));
  assert.ok(stays(row({ kind: "biases", sign: "problem" }), state, null));
});

test("a filter looks through all kinds", () => {
  assert.ok(stays(row({ kind: "biases" }), stateOf("?q=weight"), null));
});

test("every word must occur, and × is x", () => {
  assert.ok(stays(row({}), stateOf("?q=LINEAR+96×96"), null));
  assert.ok(!stays(row({}), stateOf("?q=linear+conv"), null));
});

test("a finding keeps its own rows alone", () => {
  const state = stateOf("?finding=1");
  assert.ok(stays(row({}), state, new Set([3])));
  assert.ok(!stays(row({}), state, new Set([4])));
});

test("sorting falls back on the model's order", () => {
  const rows = [
    { index: 2, size: 5, deviation: 0, scheme: "b" },
    { index: 0, size: 5, deviation: 2, scheme: "b" },
    { index: 1, size: 9, deviation: -1, scheme: "a" },
  ];
  const order = (sort) => rows.toSorted(comparison(sort)).map((each) => each.index);
  assert.deepEqual(order(""), [0, 1, 2]);
  assert.deepEqual(order("size"), [1, 0, 2]);
  assert.deepEqual(order("deviation"), [0, 2, 1]);
  assert.deepEqual(order("scheme"), [1, 0, 2]);
});

test("every tensor is under some height of the heat map", () => {
  for (const [count, height] of [[3, 66], [480, 480], [1000, 480], [20000, 480]]) {
    const tensors = Array.from({ length: count }, (_, at) => [at]);
    const rows = Math.min(count, height);
    const found = Array.from({ length: rows }, (_, at) => tensorsAt((at + 0.5) / rows, tensors, height));
    assert.deepEqual(found.flat().map(([at]) => at), tensors.map(([at]) => at));
  }
});

test("the edges of the picture belong to its first and last row", () => {
  assert.deepEqual(tensorsAt(-0.1, [[0], [1]], 40), [[0]]);
  assert.deepEqual(tensorsAt(1.1, [[0], [1]], 40), [[1]]);
});

test("an exception is opened before those that share its row", () => {
  const shared = [[0, "a", "s", "as_expected"], [1, "b", "s", "problem"]];
  assert.equal(foremost(shared)[0], 1);
  assert.equal(foremost(shared.slice(0, 1))[0], 0);
});
