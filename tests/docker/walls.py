"""What stands around the processes of a stack, and what they say, as the engine tells it."""

from __future__ import annotations

import json
import re

from stack import STAYING, Stack

NO_CAPABILITY = "0" * 16
ADDRESS_LINE = re.compile(r"initscope is at http://\S+")  # what `initscope serve` tells a person
OWN_SERVICES = ("web", "worker")


def missing_walls(stack: Stack) -> list[str]:
    """What compose.yaml promises of each container and is not in force."""
    found = []
    for one in stack.containers():
        config = one["HostConfig"]
        walls = {
            "healthy": one["State"].get("Health", {}).get("Status") == "healthy",
            "an ordinary user": one["Config"]["User"] not in ("", "0", "root", "0:0"),
            "a read-only root": config["ReadonlyRootfs"],
            "no capability": config["CapDrop"] == ["ALL"] and not config["CapAdd"],
            "no new privileges": any("no-new-privileges" in it for it in config["SecurityOpt"]),
            "a limit of memory": config["Memory"] > 0,
            "a limit of CPU": config["NanoCpus"] > 0,
            "a start after each end": config["RestartPolicy"]["Name"] == "unless-stopped",
        }
        found += [f"{one['Name'][1:]}: {wall}" for wall, stands in walls.items() if not stands]
    return found + [problem for service in STAYING for problem in _breaches(stack, service)]


def _breaches(stack: Stack, service: str) -> list[str]:
    """What a process inside of a container can do that none should."""
    script = "id -u; grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status; touch /x 2>&1 || true"
    said = stack.told(service, "sh", "-c", script)
    expected = {
        "is not root": not said.startswith("0\n"),
        "has no capability": said.count(NO_CAPABILITY) == 2,
        "gets no new privileges": re.search(r"NoNewPrivs:\s*1\b", said) is not None,
        "cannot write to the root": "Read-only file system" in said,
    }
    return [f"{service}: {what}" for what, holds in expected.items() if not holds]


def new_kernels(stack: Stack) -> list[str]:
    """What a worker had to compile after its start."""
    script = 'diff --recursive --brief /opt/initscope/kernels "$NUMBA_CACHE_DIR" || true'
    return [line for at in (1, 2) for line in _said(stack, script, index=at)]


def unclear_lines(stack: Stack) -> list[str]:
    """Log lines of web and workers that are no JSON object, but for the one with the address."""
    return [line for line in _lines(stack) if not (_is_object(line) or ADDRESS_LINE.match(line))]


def told_secrets(stack: Stack, *secrets: str) -> int:
    """How many log lines, of the database too, hold a secret."""
    return sum(any(secret in line for secret in secrets) for line in stack.logs())


def levels(stack: Stack) -> dict[str, int]:
    """How many log lines of web and workers there are at each level."""
    found: dict[str, int] = {}
    for line in _lines(stack):
        if _is_object(line):
            level = json.loads(line)["level"]
            found[level] = found.get(level, 0) + 1
    return found


def _lines(stack: Stack) -> list[str]:
    return [line for line in stack.logs(*OWN_SERVICES) if line.strip()]


def _said(stack: Stack, script: str, *, index: int) -> list[str]:
    return stack.told("worker", "sh", "-c", script, index=index).splitlines()


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except json.JSONDecodeError:
        return False
