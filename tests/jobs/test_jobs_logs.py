"""The log of a real service with a real worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAIN = "import sys; from app.cli import main; sys.exit(main())"
PASSWORD = "not-to-be-told"
NAME = "private-name.safetensors"


def test_every_line_is_an_object_and_none_tells_a_secret(tmp_path, checkpoint, postgresql):
    url = postgresql.fresh()
    environment = {
        "INITSCOPE_DATA_DIR": str(tmp_path / "data"),
        "INITSCOPE_DATABASE_URL": url.replace("tests@", f"tests:{PASSWORD}@"),
        "INITSCOPE_LOG": "json",
        "INITSCOPE_MIN_FREE_BYTES": "0",
        "INITSCOPE_WORKERS": "1",
    }
    command = [sys.executable, "-c", MAIN, "serve", "--port", "0"]
    with (
        (tmp_path / "log").open("wb") as told,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
        ) as service,
    ):
        address = service.stdout.readline().rpartition(" ")[2].strip()
        upload = urllib.request.Request(
            f"{address}/upload?name={NAME}",
            data=checkpoint(),
            headers={"Authorization": f"Bearer {PASSWORD}", "X-Request-ID": "first"},
        )
        with urllib.request.urlopen(upload) as answer:
            run = json.load(answer)["id"]
        with urllib.request.urlopen(f"{address}/api/v1/runs/{run}/events") as stream:
            stream.read()
        postgresql.drop(url)
        with urllib.request.urlopen(f"{address}/healthz") as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"{address}/readyz")
        service.send_signal(signal.SIGTERM)
        service.wait(60)
    text = (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    asked = next(line for line in lines if line.get("request_id") == "first")
    assert (asked["method"], asked["route"], asked["status"]) == ("POST", "/upload", 200)
    assert any(line.get("route") == "/readyz" and line["status"] == 503 for line in lines)
    for secret in (PASSWORD, NAME):
        assert secret not in text
