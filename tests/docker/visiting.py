"""A visitor of a stack: sends files, orders, waits, and looks."""

from __future__ import annotations

import json
import struct
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PATIENCE = 180.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A person or a program at an address, with or without an access token."""

    address: str
    token: str = ""

    def sent(self, path: Path) -> str:
        """The id of a file after its upload."""
        with path.open("rb") as body:
            asked = self._asked(f"/api/v1/files?name={path.name}", body)
            asked.add_header("Content-Length", str(path.stat().st_size))
            with urllib.request.urlopen(asked, timeout=PATIENCE) as response:
                return json.load(response)["id"]

    def posted(self, path: str, body: object) -> dict:
        """The answer to an order."""
        asked = self._asked(path, json.dumps(body).encode())
        asked.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(asked, timeout=PATIENCE) as response:
            return json.load(response)

    def analysed(self, path: Path) -> str:
        """The id of a file whose analysis is ordered."""
        file = self.sent(path)
        self.posted("/api/v1/runs", {"file": file})
        return file

    def page(self, path: str) -> str:
        """The text of a page."""
        with urllib.request.urlopen(self._asked(path), timeout=PATIENCE) as response:
            return response.read().decode()

    def answer(self, path: str) -> tuple[int, dict]:
        """The status and the document, also of an error."""
        try:
            with urllib.request.urlopen(self._asked(path), timeout=PATIENCE) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def report(self, run: str) -> dict:
        """A run's document, or that of the error that came in its place."""
        return self.answer(f"/api/v1/runs/{run}")[1]

    def finished(self, run: str) -> bool:
        """Whether a run has its report.

        Raises:
            SystemExit: If it never will.
        """
        found = self.report(run)
        if found.get("state") in ("failed", "cancelled"):
            sys.exit(f"the job is {found['state']}: {found.get('error')}")
        return found.get("state") == "done"

    def tensors_done(self, run: str) -> int:
        """How many tensors of a run were measured."""
        return self.report(run).get("progress", {}).get("done", 0)

    def _asked(self, path: str, body: object = None) -> urllib.request.Request:
        asked = urllib.request.Request(self.address + path, data=body)
        if self.token:
            asked.add_header("Authorization", f"Bearer {self.token}")
        return asked


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds; a service that does not answer is waited for.

    Raises:
        SystemExit: If it does not in time, with what stood against it last.
    """
    end, last = time.monotonic() + PATIENCE, "it was not so"
    while time.monotonic() < end:
        try:
            if holds():
                return
        except (OSError, json.JSONDecodeError) as problem:
            last = f"{type(problem).__name__}: {problem}"
        time.sleep(0.1)
    sys.exit(f"waited {PATIENCE:g} s in vain until {what}; the last look: {last}")


def write_checkpoint(path: Path, *, layers: int, width: int, seed: int) -> None:
    """A safetensors file of square weights as torch draws them."""
    noise, bound = np.random.default_rng(seed), width**-0.5
    each = 4 * width * width
    header = {
        f"layers.{at}.weight": {
            "dtype": "F32", "shape": [width, width], "data_offsets": [at * each, (at + 1) * each],
        }
        for at in range(layers)
    }  # fmt: skip
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _ in range(layers):
            file.write(noise.uniform(-bound, bound, (width, width)).astype(np.float32).tobytes())
