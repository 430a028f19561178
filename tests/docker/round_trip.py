"""The whole round on a real container engine: `make docker-test`.

Builds the images, starts the stack of compose.yaml under a name and a port of its own, sends a
checkpoint, kills one worker in the middle of its analysis and ends another in order, stops and
starts the database, kills the web process, restarts everything, makes a backup, takes it all down,
and has the report back in a fresh stack that asks for access tokens. Prints what each step took.

Environment:
    DOCKER_BUILD_FLAGS: Further arguments of `docker build`, as docs/deploy.md tells of them.
    INITSCOPE_PORT: Port of the pages, 8017 where it is not set.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack import Stack, build, docker, run, size, standing, versions
from visiting import Visitor, until, write_checkpoint
from walls import levels, missing_walls, new_kernels, told_secrets, unclear_lines

PORT = os.environ.get("INITSCOPE_PORT", "8017")
TARGETS = ("web", "worker", "gpu-worker")
LAYERS, WIDTH = 100, 1024  # 419 MB: some seconds of analysis, to be killed in their middle
NETWORK = "input: [64]\nlayers: [Linear(64, 64), ReLU(), Linear(64, 8)]"
SMALL_PARTS = "tests/docker/small_parts.yaml"
UPLOADS = "find blobs -type f ! -name 'upload-*'"
PASSWORD = ("cat", "/secrets/database_password")


def main() -> int:
    """Go the round once."""
    tell("container engine", versions())
    stack = Stack(name="initscope-round", port=PORT, files=("compose.yaml", SMALL_PARTS))
    lint(stack)
    for target in TARGETS:
        with told(f"build of {target}"):
            build(target)
        tell(f"size of {target}", size(f"initscope-{target}"))
    expect("CUDA" in refusal_without_a_gpu(), "gpu-worker without a GPU says so and ends")
    fresh = Stack(
        name="initscope-round-restored", port=PORT, settings={"INITSCOPE_ACCESS": "tokens"}
    )
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with standing(stack):
            reports = journey(stack, place)
            back_up(stack, place)
        with standing(fresh):
            come_back(fresh, place, reports)
    print("The round is closed: nothing was lost.")
    return 0


def lint(stack: Stack) -> None:
    """compose.yaml by compose itself, the Dockerfile by hadolint where it is installed."""
    stack.compose("--profile", "gpu", "config", "--quiet")
    tell("compose config", "clean")
    if shutil.which("hadolint"):
        run("hadolint", "Dockerfile")
        tell("hadolint", "clean")
    else:
        tell("hadolint", "not found, left out")


def journey(stack: Stack, place: Path) -> dict[str, dict]:
    """From the start to the restart of everything.

    Returns:
        The documents of the reports by their id.
    """
    large, small = place / "large.safetensors", place / "small.safetensors"
    write_checkpoint(large, layers=LAYERS, width=WIDTH, seed=1)
    write_checkpoint(small, layers=4, width=64, seed=2)
    someone = Visitor(address=stack.address)
    with told("start, until the first page"):
        stack.start()
        until(lambda: "initscope" in someone.page("/"), "the first page is there")
    with told("and until all are healthy"):
        stack.up()
    expect_none(missing_walls(stack), "every container stands behind all of its walls")
    first = analysed_through_deaths(stack, someone, large)
    before = someone.report(first)
    database_away(stack, someone, first)
    with told("analysis after that"):
        second = someone.analysed(small)
        until(lambda: someone.finished(second), "the second report is there")
    with told("web process killed, until its first page"):
        stack.kill("web")
        until(lambda: someone.report(first) == before, "the report is back")
    with told("restart of everything, until the first page"):
        stack.compose("restart", "--timeout", "20")
        until(lambda: someone.report(first) == before, "the report is back")
    expect(someone.finished(second), "both reports are there")
    with told("measurement of a network after the restart"):
        order = {"architecture": {"text": NETWORK}}
        third = someone.posted("/api/v1/propagations", order)["id"]
        until(lambda: someone.finished(third), "the measurement is there")
    expect_none(new_kernels(stack), "every kernel that was needed was compiled in the image")
    logs_are_discreet(stack)
    return {run: someone.report(run) for run in (first, second, third)}


def analysed_through_deaths(stack: Stack, someone: Visitor, large: Path) -> str:
    """The id of a report whose analysis lost a worker to a crash and gave up another in order."""
    with told(f"upload of {large.stat().st_size / 1e6:.0f} MB"):
        run = someone.sent(large)
    with told("analysis, one worker killed and one stopped in its middle"):
        someone.posted("/api/v1/runs", {"file": run})
        until(lambda: someone.tensors_done(run) > 0, "the analysis is under way")
        stack.kill("worker", index=1)
        at = someone.tensors_done(run)
        expect(at < LAYERS, f"a worker was killed after {at} of {LAYERS} tensors")
        until(lambda: someone.tensors_done(run) > at, "the other worker goes on")
        stopped_in_order(stack, someone, run)
        until(lambda: someone.finished(run), "the report is there")
    expect(someone.report(run)["summary"]["tensors"] == LAYERS, "the report tells of every tensor")
    expect("large.safetensors" in someone.page(f"/m/{run}"), "its page shows the file")
    return run


def stopped_in_order(stack: Stack, someone: Visitor, run: str) -> None:
    """`docker stop` of the second worker, which gives its work back; then it is started again."""
    worker, at = stack.container("worker", index=2)["Id"], someone.tensors_done(run)
    with told("  docker stop of a worker, until it has ended"):
        docker("stop", worker)
    ended = int(docker("inspect", "--format", "{{.State.ExitCode}}", worker))
    expect(ended == 0, f"  it ended in order, after {at} of {LAYERS} tensors")
    with told("  and until another one goes on with its work"):
        until(lambda: someone.tensors_done(run) > at, "the other worker goes on")
    docker("start", worker)


def database_away(stack: Stack, someone: Visitor, run: str) -> None:
    """A stop and a start of the database."""
    before = someone.report(run)
    with told("stop of the database"):
        stack.compose("stop", "database")
    status, said = someone.answer(f"/api/v1/runs/{run}")
    expect(status == 503 and said["error"] == "database_away", "a page says that it is away")
    with told("start of the database, until the first page"):
        stack.up()
        until(lambda: someone.report(run) == before, "the report is back")


def logs_are_discreet(stack: Stack) -> None:
    """Web and workers log JSON lines, and nobody the database's password."""
    expect_none(unclear_lines(stack), "every log line of web and workers is a JSON object")
    expect(not told_secrets(stack, stack.told("web", *PASSWORD)), "no log line holds the password")
    tell("log lines by level", ", ".join(f"{n} {level}" for level, n in levels(stack).items()))


def back_up(stack: Stack, place: Path) -> None:
    """As docs/operations.md says: uploads, the database, and the uploads that came meanwhile."""
    archive, dump = place / "uploads.tar", place / "initscope.dump"
    with told("backup"):
        saved = f"{UPLOADS} | tar -c -T - --ignore-failed-read"
        stack.compose("exec", "-T", "web", "sh", "-c", saved, onto=archive)
        words = ("pg_dump", "-U", "initscope", "--format=custom", "initscope")
        stack.compose("exec", "-T", "database", *words, onto=dump)
        later = f"{UPLOADS} -mtime -1 | tar -c -T -"
        stack.compose("exec", "-T", "web", "sh", "-c", later, onto=archive)
    with told("stop and removal of everything"):
        stack.down()


def come_back(stack: Stack, place: Path, reports: dict[str, dict]) -> None:
    """The backup in a fresh stack, which asks for access tokens."""
    once = ("run", "--rm", "-T", "--no-deps", "web")
    with told("restore into a fresh stack"):
        stack.up("database")
        words = ("pg_restore", "-U", "initscope", "-d", "initscope", "--no-owner")
        stack.compose("exec", "-T", "database", *words, given=place / "initscope.dump")
        stack.compose(*once, "tar", "-x", "--ignore-zeros", given=place / "uploads.tar")
        token = stack.compose(*once, "initscope", "token", "add", "ann").strip()
    with told("start, until all are healthy"):
        stack.up()
    ann, nobody = (Visitor(address=stack.address, token=held) for held in (token, ""))
    run = next(iter(reports))
    expect(nobody.answer(f"/api/v1/runs/{run}")[0] == 401, "without an access token it says no")
    expect(all(ann.report(run) == was for run, was in reports.items()), "all reports are back")
    expect("large.safetensors" in ann.page(f"/m/{run}"), "and so is the page")
    again = {"architecture": {"text": NETWORK}, "seeds": 4}
    third = ann.posted("/api/v1/propagations", again)["id"]
    with told("and new work is done"):
        until(lambda: ann.finished(third), "the measurement is there")
    secrets = (token, stack.told("web", *PASSWORD))
    expect(not told_secrets(stack, *secrets), "no log line holds the token or the password")


def refusal_without_a_gpu() -> str:
    """What the GPU worker's image says where it finds no GPU; it must end by itself."""
    done = subprocess.run(
        ["docker", "run", "--rm", "--network=none", "--read-only", "--tmpfs=/tmp:mode=1777",
         "initscope-gpu-worker"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    said = done.stderr.strip().splitlines()[-1:]
    return said[0] if done.returncode == 2 and said else f"ended with {done.returncode}: {said}"


def expect(holds: bool, what: str) -> None:
    if not holds:
        sys.exit(f"expected that {what}")
    tell(what, "yes")


def expect_none(problems: list[str], what: str) -> None:
    if problems:
        shown = [problem[:300] for problem in problems[:20]]
        sys.exit("\n".join([f"expected that {what}; it is not so:", *shown]))
    tell(what, "yes")


@contextmanager
def told(what: str) -> Iterator[None]:
    """Print how long the block took."""
    started = time.monotonic()
    yield
    tell(what, f"{time.monotonic() - started:.1f} s")


def tell(what: str, value: str) -> None:
    print(f"{what:<60} {value:>10}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
