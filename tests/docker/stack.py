"""One stack of compose.yaml under a name and a port of its own, and what a person types at it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
HEALTHY_SECONDS = 180
STAYING = ("database", "web", "worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A project of compose."""

    name: str
    port: str
    files: tuple[str, ...] = ("compose.yaml",)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Of its pages."""
        return f"http://127.0.0.1:{self.port}"

    def compose(self, *words: str, given: Path | None = None, onto: Path | None = None) -> str:
        """What a compose command says; it reads from one file and adds to another."""
        return run(*self._words(*words), given=given, onto=onto, settings=self._environment())

    def start(self) -> None:
        """Start everything, and wait for nothing but what other services need."""
        self.compose("up", "--detach", "--no-build")

    def up(self, *services: str) -> None:
        """Start, and wait until all is healthy."""
        patience = ("--wait", "--wait-timeout", str(HEALTHY_SECONDS))
        self.compose("up", "--detach", "--no-build", *patience, *services)

    def down(self) -> None:
        """Stop and remove everything, its volumes included."""
        self.compose("down", "--volumes", "--timeout", "20")

    def kill(self, service: str, *, index: int = 1, signal: str = "KILL") -> None:
        """Send a signal to all processes in a container, as a crash or the kernel would."""
        words = ("exec", "-T", f"--index={index}", service, "sh", "-c", f"kill -{signal} -1")
        # The shell that kills is killed, too, so there is no exit code to look at.
        subprocess.run(
            self._words(*words),
            cwd=ROOT, env=self._environment(), check=False, capture_output=True,
        )  # fmt: skip

    def containers(self) -> list[dict]:
        """What the engine knows of each that stays."""
        ids = self.compose("ps", "--quiet", *STAYING).split()
        return json.loads(docker("inspect", *ids))

    def container(self, service: str, *, index: int = 1) -> dict:
        """What the engine knows of one."""
        name = f"{self.name}-{service}-{index}"
        return next(one for one in self.containers() if one["Name"] == f"/{name}")

    def told(self, service: str, *words: str, index: int = 1) -> str:
        """What a command inside of a container says."""
        return self.compose("exec", "-T", f"--index={index}", service, *words)

    def logs(self, *services: str) -> list[str]:
        """All that the containers of some services have written, line by line.

        From the engine itself: what compose shows may hold codes for a terminal.
        """
        ids = self.compose("ps", "--all", "--quiet", *services).split()
        lines = []
        for one in ids:
            said = subprocess.run(
                ["docker", "logs", one],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True,
            )  # fmt: skip
            lines += said.stdout.decode(errors="replace").splitlines()
        return lines

    def _words(self, *words: str) -> list[str]:
        files = [word for file in self.files for word in ("--file", file)]
        return [*found_compose(), "--project-name", self.name, *files, *words]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.settings, "INITSCOPE_PORT": self.port}


@contextmanager
def standing(stack: Stack) -> Iterator[Stack]:
    """The stack's project while the block runs; its last log lines are shown if the block fails."""
    try:
        yield stack
    except BaseException:
        print(shown_logs(stack), file=sys.stderr, flush=True)
        raise
    finally:
        stack.down()


def shown_logs(stack: Stack) -> str:
    """The last lines of every service, each cut to what a person reads."""
    lines = stack.compose("logs", "--tail", "15", "--no-color").splitlines()
    return "\n".join(line[:400] for line in lines)


def docker(*words: str) -> str:
    """What a command of the engine says."""
    return run("docker", *words)


def build(target: str) -> None:
    """Build one target from the working tree."""
    flags = shlex.split(os.environ.get("DOCKER_BUILD_FLAGS", ""))
    tag = f"initscope-{target}"
    docker("build", "--quiet", *flags, "--target", target, "--tag", tag, ".")


def size(image: str) -> str:
    """Of an image, for a person."""
    bytes_ = docker("image", "inspect", "--format", "{{.Size}}", image)
    return f"{int(bytes_) / 1e6:,.0f} MB"


def versions() -> str:
    """Of the engine and of compose."""
    engine = docker("version", "--format", "{{.Server.Version}}").strip()
    compose = run(*found_compose(), "version", "--short").strip()
    return f"{engine}, compose {compose}"


@cache
def found_compose() -> tuple[str, ...]:
    """`docker compose` where it is a plugin, else `docker-compose`."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ("docker", "compose")
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    sys.exit("expected `docker compose` or `docker-compose`, found neither: install one of them")


def run(
    *command: str,
    given: Path | None = None,
    onto: Path | None = None,
    settings: dict[str, str] | None = None,
) -> str:
    """What a command says.

    Raises:
        SystemExit: If it fails, with what it said.
    """
    with ExitStack() as files:
        source = files.enter_context(given.open("rb")) if given else subprocess.DEVNULL
        target = files.enter_context(onto.open("ab")) if onto else subprocess.PIPE
        done = subprocess.run(
            command, cwd=ROOT, env=settings, stdin=source, stdout=target, stderr=subprocess.PIPE,
            check=False,
        )  # fmt: skip
    said = (done.stdout or b"").decode(errors="replace")
    if done.returncode:
        wrong = done.stderr.decode(errors="replace")
        sys.exit(f"{shlex.join(command)} failed:\n{said[-2000:]}{wrong[-4000:]}")
    return said
