import assert from "node:assert/strict";
import test from "node:test";

import { addressOf } from "../../static/js/code.mjs";
import { rangeOf } from "../../static/js/lines.mjs";

test("a short text is in the address, a long one is not", () => {
  assert.equal(addressOf("http://a/code?theme=dark", "x = 1", 10), "http://a/code?theme=dark&code=x+%3D+1");
  assert.equal(addressOf("http://a/code?code=old", "x".repeat(11), 10), "http://a/code");
});

test("a line is the characters between its ends", () => {
  assert.deepEqual(rangeOf("one\ntwo\n", 2), [4, 7]);
  assert.equal(rangeOf("one", 2), null);
});
