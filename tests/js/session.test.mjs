import assert from "node:assert/strict";
import test from "node:test";

import { renew } from "../../static/js/session.mjs";

test("only a page that was kept is asked for anew", () => {
  let asked = 0;
  const location = { reload: () => (asked += 1) };
  renew({ persisted: false }, location);
  assert.equal(asked, 0);
  renew({ persisted: true }, location);
  assert.equal(asked, 1);
});
