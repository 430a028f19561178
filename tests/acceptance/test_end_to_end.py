from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import zipfile

import httpx2
import numpy as np
import pytest

from app.web.examples import mlp, safetensors

SERVE = "import sys; from app.cli import main; sys.exit(main(['serve', '--port', '0']))"
HOSTILE = "<img src=x onerror=alert(1)>"
BROWSER = {"Accept": "text/html"}
ANSWER_SECONDS = 120  # a machine that is busy with other tests still answers in this time


class RunsCommand:
    """Its pickle calls os.system when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def zipped(pickled: bytes, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
        for name, content in members.items():
            archive.writestr(f"archive/{name}", content)
    return buffer.getvalue()


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(2**28))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    environment = os.environ | {
        "INITSCOPE_DATA_DIR": str(folder / "data"),
        "INITSCOPE_MIN_FREE_BYTES": "0",
        "INITSCOPE_WORKERS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip().rpartition(" ")[2]
        with httpx2.Client(base_url=address, timeout=ANSWER_SECONDS) as client:
            yield client
        process.send_signal(signal.SIGTERM)
        process.wait(ANSWER_SECONDS)


def finished(service: httpx2.Client, run: str) -> dict:
    with service.stream("GET", f"/api/v1/runs/{run}/events") as answer:
        for _ in answer.iter_lines():
            pass  # the stream ends with the run
    return service.get(f"/api/v1/runs/{run}").json()


def analysed(service: httpx2.Client, content: bytes, name: str = "model.pt") -> dict:
    answer = service.post("/upload", params={"name": name}, content=content)
    assert answer.status_code == 200, answer.text
    return finished(service, answer.json()["id"])


@pytest.fixture(scope="module")
def report(service):
    return analysed(service, mlp(dead=True), "example.safetensors")


def test_a_file_becomes_a_report(report):
    assert report["state"] == "done"
    assert report["summary"]["tensors"] == 8
    assert report["url"] == f"/m/{report['id']}"


def test_the_fresh_layers_of_the_example_are_as_expected(service, report):
    rows = service.get(f"/api/v1/runs/{report['id']}/tensors").json()["tensors"]
    signs = {row["name"]: row["sign"] for row in rows if row["name"].endswith("weight")}
    assert {signs[f"layers.{place}.weight"] for place in (0, 2)} == {"as_expected"}


def test_the_dead_layer_of_the_example_is_found(report):
    assert ["layers.4.weight"] in [finding["tensors"] for finding in report["findings"]]


def test_the_same_bytes_open_the_report_that_exists(service, report):
    again = service.post("/upload?name=other-name.bin", content=mlp(dead=True)).json()
    assert again == {"id": report["id"], "url": report["url"], "state": "done"}


@pytest.mark.parametrize("page", ["", ".json", ".csv", "/t/0", "/t/0.json", "/t/0/hist.svg"])
def test_every_page_of_the_report_opens(service, report, page):
    assert service.get(f"/m/{report['id']}{page}", headers=BROWSER).status_code == 200


def test_page_and_api_show_the_same_numbers(service, report):
    page = service.get(f"/m/{report['id']}/t/0.json").json()
    tensor = service.get(f"/api/v1/runs/{report['id']}/tensors/0").json()
    assert page["std"] == tensor["std"]


def test_a_form_without_scripts_leads_to_the_report(service, report):
    answer = service.post("/upload", files={"file": ("x.pt", mlp(dead=True))}, headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (303, report["url"])


def test_nan_and_infinity_are_counted_and_left_out(service):
    values = np.zeros((4, 4), "<f4")
    values[0] = [np.nan, np.inf, -np.inf, 1]
    report = analysed(service, safetensors({"layer.weight": values}))
    tensor = service.get(f"/api/v1/runs/{report['id']}/tensors/0").json()
    assert (tensor["nonfinite"], tensor["nan"], tensor["max"]) == (3, 1, 1)


def test_a_hostile_tensor_name_is_shown_escaped(service):
    report = analysed(service, safetensors({HOSTILE: np.ones((3, 3), "<f4")}))
    for path in (f"/m/{report['id']}", f"/m/{report['id']}/t/0"):
        page = service.get(path, headers=BROWSER).text
        assert "<img" not in page
        assert "&lt;img" in page


def cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


REFUSED = {
    "an HTML page": (b"<!DOCTYPE html><html><body>Sign in</body></html>", "not_a_checkpoint"),
    "a truncated safetensors": (cut(mlp(dead=False)), "truncated"),
    "a safetensors without tensors": (safetensors({}), "no_tensors"),
    "an endless header": ((2**62).to_bytes(8, "little") + b"{" + bytes(100), None),
    "a truncated zip": (cut(zipped(pickle.dumps({}), pad=bytes(4000))), "truncated"),
    "a zip bomb": (bomb(), None),
    "a zip without a checkpoint": (zipped(b""), None),
    "a pickle without tensors": (zipped(pickle.dumps({"a": 1}, protocol=2)), "no_tensors"),
    "a lone pickle opcode": (b"\x80\x02.", None),
    "random bytes": (np.random.default_rng(1).bytes(5000), "not_a_checkpoint"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_hostile_file_is_refused_with_a_sentence(service, what):
    content, code = REFUSED[what]
    run = analysed(service, content)
    assert run["state"] == "failed"
    assert code is None or run["error"]["error"] == code
    page = service.get(f"/jobs/{run['id']}", headers=BROWSER).text
    assert 'data-sign="problem"' in page
    assert "Analyse again" in page


def test_a_text_that_describes_no_network_is_refused_with_a_sentence(service):
    run = analysed(service, b"hello, this is a text\n" * 100)
    assert (run["state"], run["error"]["error"]) == ("failed", "not_a_network")
    page = service.get(run["url"], headers=BROWSER, follow_redirects=True).text
    assert 'data-sign="problem"' in page
    assert "The network was not understood" in page


def test_an_empty_file_is_refused_at_once(service):
    answer = service.post("/upload?name=empty.pt", content=b"")
    assert (answer.status_code, answer.json()["error"]) == (422, "empty_file")


@pytest.mark.parametrize("wrap", [zipped, bytes], ids=["zip", "bare"])
def test_a_pickle_that_calls_a_program_calls_nothing(service, tmp_path, wrap):
    trace = tmp_path / "it ran"
    run = analysed(service, wrap(pickle.dumps({"w": RunsCommand(trace)}, protocol=2)))
    assert run["state"] in {"failed", "done"}
    assert not trace.exists()


def test_the_service_goes_on_after_all_that(service, report):
    assert service.get("/readyz").json() == {"status": "ok"}
    again = service.post(f"/jobs/{report['id']}/again")
    assert again.status_code == 303
    assert finished(service, report["id"])["state"] == "done"


def test_events_tell_the_way_to_the_end(service):
    content = safetensors({"w": np.full((64, 64), 0.5, "<f4")})
    file = service.post("/api/v1/files", content=content).json()["id"]
    service.post("/api/v1/runs", json={"file": file})
    with contextlib.closing(
        service.send(service.build_request("GET", f"/api/v1/runs/{file}/events"), stream=True)
    ) as answer:
        data = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    assert data[-1]["state"] == "done"
    assert data[-1]["url"] == f"/m/{file}"
