import assert from "node:assert/strict";
import { test } from "node:test";

import { ended } from "../../static/js/seed.mjs";

test("a search is followed until it has ended or is gone", () => {
  const states = ["queued", "running", "done", "failed", "cancelled"];
  assert.deepEqual(states.map((state) => ended({ state })), [false, false, true, true, true]);
  assert.equal(ended(null), true);
});
