"""The command line as a person and a script use it: real processes, real files."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAIN = "import sys; from app.cli import main; sys.exit(main())"


def initscope(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def model(tmp_path, checkpoint) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(checkpoint(layers=3, width=64))
    return path


def test_analyze_prints_a_line_for_each_tensor(model):
    result = initscope("analyze", model)
    assert (result.returncode, result.stderr) == (0, "")
    for name in ("0.weight", "1.weight", "2.weight"):
        assert re.search(rf"^. +{re.escape(name)} +64×64 ", result.stdout, re.MULTILINE)


def test_analyze_json_is_one_document_and_nothing_else(model):
    result = initscope("analyze", model, "--json")
    document = json.loads(result.stdout)
    assert (result.returncode, result.stderr) == (0, "")
    assert document["schema"] == "initscope.analysis/1"
    assert document["source"]["name"] == "model.safetensors"
    assert document["source"]["bytes"] == model.stat().st_size
    assert [tensor["count"] for tensor in document["tensors"]] == [4096] * 3


def test_heavy_parts_come_only_when_asked_for(model):
    slim = json.loads(initscope("analyze", model, "--json").stdout)["tensors"][0]
    asked = initscope("analyze", model, "--json", "--extra", "hist,candidates")
    full = json.loads(asked.stdout)["tensors"][0]
    assert {"histogram", "candidates"}.isdisjoint(slim)
    assert sum(full["histogram"]["counts"]) == 4096
    assert full["candidates"]


def test_the_document_is_the_same_however_the_file_is_split(model):
    whole = initscope("analyze", model, "--json", "--extra", "hist,candidates")
    split = initscope(
        "analyze", model, "--json", "--extra", "hist,candidates", INITSCOPE_PART_BYTES="1"
    )
    assert whole.stdout == split.stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"hello, world", "torch or safetensors"),
        (b"\x80\x02cos\nsystem\n(S'touch hacked'\ntR.", "pickle"),
    ],
)
def test_a_refused_file_is_one_line_on_stderr_and_exit_2(tmp_path, content, words):
    path = tmp_path / "file"
    path.write_bytes(content)
    result = initscope("analyze", path, "--json")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


@pytest.mark.parametrize("path", ["/nonexistent/model.pt", "/", "/dev/null"])
def test_what_is_no_file_is_refused(path):
    result = initscope("analyze", path)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)


def test_an_unknown_extra_is_refused(model):
    result = initscope("analyze", model, "--extra", "hist,weights")
    assert result.returncode == 2
    assert "expected hist, candidates or both, got weights" in result.stderr


def test_a_setting_that_makes_no_sense_is_refused(model):
    result = initscope("analyze", model, INITSCOPE_PART_BYTES="none")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "part_bytes" in result.stderr


def test_a_finding_at_the_level_asked_for_is_exit_1(tmp_path):
    header = json.dumps(
        {"a.weight": {"dtype": "F32", "shape": [64, 64], "data_offsets": [0, 16384]}}
    )
    header += " " * (-len(header) % 8)
    path = tmp_path / "zeros.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(16384))
    assert initscope("analyze", path).returncode == 0
    assert initscope("analyze", path, "--fail-on", "problem").returncode == 1


def test_progress_goes_to_stderr_and_only_to_a_terminal(model):
    terminal, end = pty.openpty()
    command = [sys.executable, "-c", MAIN, "analyze", str(model), "--json"]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=end, timeout=120)
    os.close(end)
    assert b"3 of 3 tensors measured" in os.read(terminal, 10_000)
    os.close(terminal)
    json.loads(result.stdout)


def test_a_hostile_name_does_not_reach_the_terminal_raw(tmp_path):
    name = "\x1b[2J\u202eweight"
    header = json.dumps({name: {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}})
    header += " " * (-len(header) % 8)
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(16))
    result = initscope("analyze", path)
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout


@pytest.mark.parametrize("device", ["tpu", "cuda:999"])
def test_a_worker_on_a_device_that_is_not_there_says_so(device):
    result = initscope("worker", "--queue", "gpu", "--device", device)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)


def test_why_a_service_does_not_start_is_a_line_of_the_log_that_is_collected():
    result = initscope("worker", "--device", "cuda:999", INITSCOPE_LOG="json")
    line = json.loads(result.stderr)
    assert (line["level"], line["logger"]) == ("ERROR", "app")
    assert line["message"].startswith("device is not valid: expected cpu")


def test_why_a_service_does_not_start_is_a_sentence_to_a_person():
    result = initscope("worker", "--device", "cuda:999", INITSCOPE_LOG="text")
    assert result.stderr.startswith("initscope: device is not valid: expected cpu")


def test_serve_prints_its_address_once_it_answers_and_ends_cleanly(tmp_path):
    environment = {"INITSCOPE_DATA_DIR": str(tmp_path / "data"), "INITSCOPE_WORKERS": "1"}
    command = [sys.executable, "-c", MAIN, "serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True
    ) as service:
        address = re.search(r"http://127\.0\.0\.1:\d+", service.stdout.readline()).group()
        with urllib.request.urlopen(f"{address}/healthz") as response:
            assert response.status == 200
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) == 0


def test_serve_on_a_taken_port_is_told_in_one_line(tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = initscope("serve", "--port", port, INITSCOPE_DATA_DIR=str(tmp_path / "data"))
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert str(port) in result.stderr
