"""A plan changed on the What if page: time until the theory's lines are there, over HTTP.

Every request asks for a plan that nobody has asked for before, as the page's script does when a
field of the form changes. CPU is that of the whole serving process: on a machine that does other
work it is the server's part of the time. The plans change what draws the layers, its gain, and the
activation; those of a residual network its branches, too. The goals are 100 ms and a second.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from statistics import median
from typing import Final

import httpx2

from benchmarks._service import Running, service, visitor

ROUNDS: Final = 5  # of every kind of change
SCHEME: Final = "kaiming_normal(fan_in,relu)"
MLP: Final = "input: [512]\n200 x [Linear(512, 512), ReLU()]\nLinear(512, 10)\n"
STAGES: Final = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # width, blocks, stride
TRANSFORMER: Final = """
input: {tokens: 256, vocabulary: 32000}
layers:
  - wte: Embedding(32000, 1024)
  - wpe: Position()
  - repeat:
      times: 24
      of:
        - residual:
            - ln_1: LayerNorm(1024)
            - attn: MultiheadAttention(1024, 16, batch_first=True, causal=True)
        - residual:
            - ln_2: LayerNorm(1024)
            - mlp.c_fc: Linear(1024, 4096)
            - GELU()
            - mlp.c_proj: Linear(4096, 1024)
    name: h
  - ln_f: LayerNorm(1024)
  - lm_head: Linear(1024, 32000, bias=False)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network and the time in which its lines are wanted."""

    name: str
    text: str
    kind: str  # of the layers that most weights belong to
    goal: float  # seconds
    branches: bool = False  # whether it has residual ones


def resnet50() -> str:
    """ResNet-50 for 224 by 224 pixels as a spec."""
    lines = [
        "input: [3, 224, 224]",
        "layers:",
        "  - Conv2d(3, 64, 7, stride=2, padding=3, bias=False)",
        "  - BatchNorm2d(64)",
        "  - ReLU()",
        "  - MaxPool2d(3, 2, 1)",
    ]
    given = 64
    for width, blocks, stride in STAGES:
        for at in range(blocks):
            lines += _bottleneck(given, width, stride if at == 0 else 1)
            given = 4 * width
    lines += ["  - AdaptiveAvgPool2d(1)", "  - Flatten()", "  - Linear(2048, 1000)"]
    return "\n".join(lines) + "\n"


def _bottleneck(given: int, width: int, stride: int) -> list[str]:
    out = 4 * width
    body = [
        *(f"Conv2d({given}, {width}, 1, bias=False)", f"BatchNorm2d({width})", "ReLU()"),
        f"Conv2d({width}, {width}, 3, stride={stride}, padding=1, bias=False)",
        *(f"BatchNorm2d({width})", "ReLU()"),
        *(f"Conv2d({width}, {out}, 1, bias=False)", f"BatchNorm2d({out})"),
    ]
    lines = ["  - residual:", *(f"      - {part}" for part in body)]
    if given != out:
        shortcut = (
            f"Conv2d({given}, {out}, 1, stride={stride}, bias=False)",
            f"BatchNorm2d({out})",
        )
        lines += ["    shortcut:", *(f"      - {part}" for part in shortcut)]
    return [*lines, "  - ReLU()"]


NETWORKS: Final = (
    Network(name="MLP, 200 layers of 512", text=MLP, kind="linear", goal=0.1),
    Network(
        name="ResNet-50, 224 × 224", text=resnet50(), kind="convolution", goal=1.0, branches=True
    ),
    Network(
        name="Transformer, 24 blocks", text=TRANSFORMER, kind="linear", goal=1.0, branches=True
    ),
)


def changes(network: Network) -> dict[str, list[str]]:
    """Queries by what they change, each of a plan of its own."""
    kind = network.kind
    scales = [1 + (at + 1) / 64 for at in range(ROUNDS)]
    found = {
        "gain": [f"{kind}.gain={scale}" for scale in scales],
        "scheme": [f"{kind}={SCHEME}&{kind}.bias=0&{kind}.gain={scale}" for scale in scales],
        "activation": [f"act=Tanh&{kind}.gain={scale}" for scale in scales],
    }
    return found | ({"branches": [f"branch={s / 2}" for s in scales]} if network.branches else {})


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process so far."""
    return time.clock_gettime((~pid << 3) | 2)  # the id that clock_getcpuclockid(3) gives


async def asked(client: httpx2.AsyncClient, running: Running, address: str) -> tuple[float, float]:
    """Seconds until the answer is there, and CPU seconds that it took."""
    begun, cpu = time.perf_counter(), cpu_seconds(running.pid)
    answer = await client.get(address)
    answer.raise_for_status()
    return time.perf_counter() - begun, cpu_seconds(running.pid) - cpu


async def measure(running: Running) -> None:
    """The table."""
    async with visitor(running) as client:
        for network in NETWORKS:
            answer = await client.post(
                "/api/v1/files", params={"name": "network.yaml"}, content=network.text.encode()
            )
            answer.raise_for_status()
            address = f"/m/{answer.json()['id']}/compare/shown"
            first, _ = await asked(client, running, address)
            every: list[tuple[float, float]] = []
            for change, queries in changes(network).items():
                found = [await asked(client, running, f"{address}?{query}") for query in queries]
                print(_line(network, change, found), flush=True)
                every += found
            print(f"{_line(network, 'all', every)}; first look {first * 1000:.0f} ms", flush=True)


def _line(network: Network, change: str, found: list[tuple[float, float]]) -> str:
    """The table's row."""
    seconds, cpu = (median(column) for column in zip(*found, strict=True))
    worst = max(whole for whole, _ in found)
    return (
        f"{network.name:<24} {change:<11} median {seconds * 1000:6.0f} ms, "
        f"worst {worst * 1000:6.0f} ms, CPU {cpu * 1000:6.0f} ms: "
        f"{seconds / network.goal:.2f} and {cpu / network.goal:.2f} of the goal"
    )


def main() -> None:
    """Run it on a service of its own without workers, whose web process alone answers."""
    with service(workers=0) as running:
        asyncio.run(measure(running))


if __name__ == "__main__":
    main()
