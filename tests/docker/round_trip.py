"""The whole round on a real container engine: `make docker-test`.

Builds the images, starts the stack of compose.yaml under a name and a port of its own, sends a
checkpoint, kills a worker in the middle of its analysis, stops and starts the database, kills the
web process, restarts everything, and takes it all down again. Prints what each step took.

Environment:
    DOCKER_BUILD_FLAGS: Further arguments of `docker build`, as the README tells of them.
    INITSCOPE_PORT: Port of the pages, 8017 where it is not set.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent.parent
PORT = os.environ.get("INITSCOPE_PORT", "8017")
ADDRESS = f"http://127.0.0.1:{PORT}"
TARGETS = ("web", "worker")
LAYERS, WIDTH = 100, 1024  # 419 MB: some seconds of analysis, to be killed in their middle
PATIENCE = 120.0


def main() -> int:
    """Go the round once."""
    compose = [*found_compose(), "--project-name", "initscope-round"]
    up = [*compose, "up", "--detach", "--no-build", "--wait", "--wait-timeout", "120"]
    for target in TARGETS:
        with told(f"build {target}"):
            build(target)
        tell(f"size of {target}", size(f"initscope-{target}"))
    try:
        with told("up, all healthy"):
            run(*up)
        with told("first page"):
            until(lambda: "initscope" in page("/"))
        with tempfile.TemporaryDirectory() as folder:
            large, small = Path(folder, "large.safetensors"), Path(folder, "small.safetensors")
            write_checkpoint(large, layers=LAYERS, width=WIDTH, seed=1)
            write_checkpoint(small, layers=4, width=64, seed=2)
            journey(compose, up, large, small)
    except BaseException:
        subprocess.run([*compose, "logs", "--tail", "40"], cwd=ROOT, env=environment(), check=False)
        raise
    finally:
        with told("down"):
            run(*compose, "down", "--volumes", "--timeout", "20")
    print("The round is closed: nothing was lost.")
    return 0


def journey(compose: list[str], up: list[str], large: Path, small: Path) -> None:
    """From the first upload to the restart of everything."""
    with told("upload of 419 MB"):
        first = sent(large)
    order(first)
    with told("analysis with its worker killed in the middle"):
        until(lambda: 0 < report(first)["progress"]["done"] < LAYERS)
        kill(compose, "worker", index=1)
        kill(compose, "worker", index=2)
        until(lambda: finished(first))
    before = report(first)
    expect(before["summary"]["tensors"] == LAYERS, "the report tells of every tensor")
    expect("/m/" in page(f"/m/{first}") and "large.safetensors" in page(f"/m/{first}"), "its page")
    with told("stop of the database"):
        run(*compose, "stop", "database")
    status, told_so = answer(f"/api/v1/runs/{first}")
    expect(status == 503 and told_so["error"] == "database_away", "a page says that it is away")
    with told("start of the database, to the first page"):
        run(*up)
        until(lambda: report(first) == before)
    with told("analysis after that"):
        second = sent(small)
        order(second)
        until(lambda: finished(second))
    with told("web killed, to the first page"):
        kill(compose, "web")
        until(lambda: report(first) == before)
    with told("restart of everything, to the first page"):
        run(*compose, "restart", "--timeout", "20")
        until(lambda: report(first) == before)
    expect(finished(second), "both reports are there")
    with told("propagation of a spec after the restart"):
        text = "input: [64]\nlayers: [Linear(64, 64), ReLU(), Linear(64, 8)]"
        third = posted("/api/v1/propagations", {"architecture": {"text": text}})["id"]
        until(lambda: finished(third))


def found_compose() -> list[str]:
    """`docker compose` where it is a plugin, else `docker-compose`."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    sys.exit("expected `docker compose` or `docker-compose`, found neither: install one of them")


def build(target: str) -> None:
    """Build one target from the working tree."""
    flags = shlex.split(os.environ.get("DOCKER_BUILD_FLAGS", ""))
    run(
        "docker",
        "build",
        "--quiet",
        *flags,
        "--target",
        target,
        "--tag",
        f"initscope-{target}",
        ".",
    )


def size(image: str) -> str:
    """Of an image, for a person."""
    shown = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Size}}", image],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return f"{int(shown.stdout) / 1e6:,.0f} MB"


def kill(compose: list[str], service: str, *, index: int = 1) -> None:
    """End every process of a container at once, as a crash or the kernel would."""
    everything = ["sh", "-c", "kill -9 -1"]
    command = [*compose, "exec", "-T", f"--index={index}", service, *everything]
    subprocess.run(command, cwd=ROOT, env=environment(), check=False, capture_output=True)


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


def sent(path: Path) -> str:
    """The id of a file after its upload."""
    with path.open("rb") as body:
        request = urllib.request.Request(f"{ADDRESS}/api/v1/files?name={path.name}", data=body)
        request.add_header("Content-Length", str(path.stat().st_size))
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return json.load(response)["id"]


def order(file: str) -> None:
    """Have a file analysed."""
    posted("/api/v1/runs", {"file": file})


def posted(path: str, body: object) -> dict:
    request = urllib.request.Request(
        ADDRESS + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        return json.load(response)


def page(path: str) -> str:
    with urllib.request.urlopen(ADDRESS + path, timeout=PATIENCE) as response:
        return response.read().decode()


def answer(path: str) -> tuple[int, dict]:
    """The status and the document, also of an error."""
    try:
        with urllib.request.urlopen(ADDRESS + path, timeout=PATIENCE) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def report(run: str) -> dict:
    """A run's document; empty while the service does not answer."""
    return answer(f"/api/v1/runs/{run}")[1]


def finished(run: str) -> bool:
    """Whether a run has its report.

    Raises:
        SystemExit: If it never will.
    """
    found = report(run)
    if found.get("state") in ("failed", "cancelled"):
        sys.exit(f"{found['state']}: {found.get('error')}")
    return found.get("state") == "done"


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; a service that does not answer is waited for."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if holds():
                return
        except (OSError, json.JSONDecodeError, KeyError):
            pass
        if time.monotonic() > end:
            sys.exit(f"waited {PATIENCE:g} s in vain")
        time.sleep(0.1)


def expect(holds: bool, what: str) -> None:
    if not holds:
        sys.exit(f"expected that {what}")
    tell(what, "yes")


@contextmanager
def told(what: str) -> Iterator[None]:
    """Print how long the block took."""
    started = time.monotonic()
    yield
    tell(what, f"{time.monotonic() - started:.1f} s")


def tell(what: str, value: str) -> None:
    print(f"{what:<50} {value:>10}", flush=True)


def run(*command: str) -> None:
    """Run a command; what it says is shown if it fails."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{shlex.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def environment() -> dict[str, str]:
    return {**os.environ, "INITSCOPE_PORT": PORT}


if __name__ == "__main__":
    sys.exit(main())
