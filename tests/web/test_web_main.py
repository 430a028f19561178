from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import orjson
import pytest
from threadpoolctl import threadpool_info

from app.web import examples
from app.web.assets import FOREVER, folder, static_url

ROOT = Path(__file__).parents[2]
WITHOUT_WORKER = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "numba"}:
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, Blocked())

import asyncio
from pathlib import Path
from app.config import Settings
from app.main import create_app

app = create_app(Settings(data_dir=Path(sys.argv[1])))

async def main():
    import httpx2
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.get("/")
            print(answer.status_code, "Drop a checkpoint" in answer.text)

asyncio.run(main())
"""


def test_the_web_starts_without_torch_and_numba(tmp_path):
    command = [sys.executable, "-c", WITHOUT_WORKER, str(tmp_path)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == ("200 True\n", "")


def test_a_static_file_under_its_version_is_kept_for_ever(client):
    answer = client.get(static_url("app.css"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == FOREVER


@pytest.mark.parametrize("query", ["", "?v=000000000000"])
def test_a_static_file_under_another_version_is_asked_for_again(client, query):
    answer = client.get(f"/static/app.css{query}")
    assert answer.headers["cache-control"] == "no-cache"


def test_a_static_file_that_did_not_change_is_not_sent_again(client):
    tag = client.get("/static/app.css").headers["etag"]
    answer = client.get("/static/app.css", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


def test_a_static_file_is_sent_compressed_and_whole(client):
    plain = client.get("/static/app.css", headers={"Accept-Encoding": "identity"})
    packed = client.get("/static/app.css", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-type"] == plain.headers["content-type"]
    assert packed.content == plain.content  # the client unpacks


def test_a_compressed_file_that_did_not_change_is_not_sent_again(client):
    tag = client.get("/static/app.css", headers={"Accept-Encoding": "gzip"}).headers["etag"]
    answer = client.get("/static/app.css", headers={"If-None-Match": tag})
    assert answer.status_code == 304


@pytest.mark.parametrize("path", ["../app/config.py", "%2e%2e/app/config.py", "nowhere.css", ""])
def test_nothing_but_static_files_is_served_from_there(client, path):
    assert client.get(f"/static/{path}").status_code == 404


def test_a_static_file_that_is_not_there_cannot_be_named():
    with pytest.raises(FileNotFoundError):
        static_url("nowhere.css")


@pytest.mark.parametrize("path", sorted(folder("templates").glob("*.html")), ids=lambda p: p.name)
def test_templates_hold_no_script_of_their_own(path):
    text = path.read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", text) == []
    assert re.findall(r"\son\w+=", text) == []
    assert re.findall(r"(?:src|href|action)=\"(?:https?:)?//", text) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_address_chooses_the_theme(client, theme):
    assert f'data-theme="{theme}"' in client.get(f"/?theme={theme}").text


def test_an_unknown_theme_is_the_systems(client):
    assert "data-theme" not in client.get('/?theme="><b>').text


def tensors_of(content: bytes) -> dict[str, np.ndarray]:
    end = 8 + int.from_bytes(content[:8], "little")
    header = orjson.loads(content[8:end])
    return {
        name: np.frombuffer(content[end:], "<f4")[
            entry["data_offsets"][0] // 4 : entry["data_offsets"][1] // 4
        ].reshape(entry["shape"])
        for name, entry in header.items()
    }


@pytest.mark.parametrize("example", examples.EXAMPLES, ids=lambda example: example.name)
def test_an_example_is_the_same_bytes_each_time(example):
    assert example.draw() == example.draw()


def test_the_fresh_example_never_leaves_the_bound_of_its_layers():
    tensors = tensors_of(examples.mlp(dead=False))
    for name, tensor in tensors.items():
        fan_in = tensors[name.replace("bias", "weight")].shape[1]
        # a bound is stored as float32: at most half a unit in the last place above 1/√fan_in
        assert np.abs(tensor).max() <= np.float32(1 / np.sqrt(fan_in))


def test_the_dead_example_has_one_weight_of_zeros():
    tensors = tensors_of(examples.mlp(dead=True))
    assert [name for name, tensor in tensors.items() if not tensor.any()] == ["layers.4.weight"]


def test_linear_algebra_runs_on_one_thread_while_the_app_serves(client):
    assert client.get("/healthz").status_code == 200
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    assert {pool["num_threads"] for pool in pools} <= {1}
