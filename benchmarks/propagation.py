"""What measuring costs over running: time beside hooks and torchlens, memory against depth.

Ratios are medians of the process's CPU time, every candidate once a round, on one thread. Torch's
fused encoder is off for all of them: hooks switch it off as well. torchlens is no dependency:
`pip install torchlens==2.36.1` puts it into the table.
"""

from __future__ import annotations

import importlib.util
import io
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import nn

from app.architecture.exported import read_exported
from app.architecture.understanding import understand
from app.core.compiled import prepare
from app.core.graph import Graph
from app.core.propagation import Order
from app.errors import DoesNotFit
from app.probe.dryrun import Plan, dry_run, size_text
from app.probe.measure import measure
from app.readers.pt2 import open_pt2
from benchmarks._networks import Residual

ROUNDS = 7
GOAL = 1.3
MEMORY = 8 * 10**9
DEPTHS = (20, 50, 100, 200)
BILLION = """
input: {tokens: 64, vocabulary: 32000}
layers:
  - Embedding: [32000, 2048]
  - repeat: 20
    of:
      - TransformerEncoderLayer: {d_model: 2048, nhead: 16, dim_feedforward: 8192,
                                  batch_first: true, norm_first: true}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A live network, what it is given, and its graph."""

    name: str
    model: nn.Module
    given: torch.Tensor
    graph: Graph


def main() -> None:
    """Print the three tables."""
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)
    prepare()
    for contender in _contenders():
        _overhead(contender)
    _depths()
    _billion()


def _contenders() -> list[Contender]:
    torch.manual_seed(0)
    layers = [part for _ in range(20) for part in (nn.Linear(512, 512), nn.ReLU())]
    pictures = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), *(Residual(64) for _ in range(4)))
    block = nn.TransformerEncoderLayer(256, 4, 1024, batch_first=True)
    encoder = nn.TransformerEncoder(block, 4, enable_nested_tensor=False)
    return [
        _contender("MLP, 20 layers of 512", nn.Sequential(*layers), torch.randn(32, 512)),
        _contender("residual, 9 convolutions of 64", pictures, torch.randn(8, 3, 32, 32)),
        _contender("transformer, 4 layers of 256", encoder, torch.randn(8, 64, 256)),
    ]


def _contender(name: str, model: nn.Module, given: torch.Tensor) -> Contender:
    """The order's batch is twice what is given: one replica is what the live network runs."""
    model.eval()
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(model, (given,)), file)
    return Contender(name=name, model=model, given=given, graph=_graph(file.getvalue()))


def _graph(raw: bytes) -> Graph:
    with tempfile.TemporaryFile() as stored:
        stored.write(raw)
        stored.flush()
        found = open_pt2(stored.fileno())
    return read_exported(found.program, found.checkpoint)


def _overhead(contender: Contender) -> None:
    batch = 2 * contender.given.shape[0]
    weights = dict(contender.model.state_dict())
    graph = contender.graph
    own = {p.stored: weights[p.name].numpy() for p in graph.parameters if p.name in weights}

    def measured(seeds: int) -> None:
        how = Order(schemes=(), checkpoint=True, seeds=seeds, batch=batch, mode="eval",
                    backward=False)  # fmt: skip
        measure(graph, how, load=lambda p: own[p.stored], memory_bytes=MEMORY, device="cpu")

    candidates: dict[str, Callable[[], Any]] = {
        "plain forward passes": lambda: _twice(contender),
        "measuring, every operation": lambda: measured(5),
        "  of it once an order, not a pass": lambda: measured(1),
        "hooks that copy every module's output": lambda: _hooked(contender, torch.clone),
        "hooks with mean, std, zeros and histc": lambda: _hooked(contender, _statistics),
        **_torchlens(contender),
    }
    _report(contender.name, _medians(candidates))


def _report(name: str, found: dict[str, float]) -> None:
    """One pass's measuring is a fifth of four: what five seeds take more than one."""
    plain = found["plain forward passes"]
    five, one = found["measuring, every operation"], found.pop("  of it once an order, not a pass")
    found["measuring, every operation"] = (five - one) / 4
    print(f"-- {name}: a pair of passes {1e3 * plain:.1f} ms, goal at most {GOAL} times")
    for label, seconds in found.items():
        print(f"{label:40s} {seconds / plain:7.2f} x")


def _medians(candidates: dict[str, Callable[[], Any]]) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, run in candidates.items():
            start = time.process_time()
            run()
            seconds[name].append(time.process_time() - start)
    return {name: median(taken) for name, taken in seconds.items()}


def _twice(contender: Contender) -> None:
    """Both halves of the batch, and the drawing of their values, as measuring does."""
    with torch.no_grad():
        for _ in range(2):
            contender.model(torch.randn(contender.given.shape))


def _hooked(contender: Contender, keep: Callable[[torch.Tensor], object]) -> None:
    kept: list[object] = []
    handles = [
        module.register_forward_hook(lambda _m, _i, output: kept.append(keep(output)))
        for module in contender.model.modules()
        if not list(module.children())
    ]
    _twice(contender)
    for handle in handles:
        handle.remove()


def _statistics(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return x.mean(), x.std(), (x == 0).sum(), torch.histc(x, 128, -4, 4)


def _torchlens(contender: Contender) -> dict[str, Callable[[], Any]]:
    if importlib.util.find_spec("torchlens") is None:
        print("torchlens is not installed and was left out")
        return {}
    torchlens = importlib.import_module("torchlens")

    def run() -> None:
        with torch.no_grad():
            for _ in range(2):
                torchlens.trace(contender.model, torch.randn(contender.given.shape))

    return {f"torchlens {torchlens.__version__}, every operation": run}


def _depths() -> None:
    print("-- peak memory of the tensors of a pass, layers of 256, batch 64")
    for depth in DEPTHS:
        layers = "\n".join(
            (
                "input: [256]",
                "layers:",
                f"  - repeat: {depth}",
                "    of: [{Linear: [256, 256]}, ReLU]",
            )
        )
        graph = understand(layers)
        assert isinstance(graph, Graph)
        told = []
        for backward in (False, True):
            limit = _least(graph, backward=backward)
            order = Order(seeds=1, backward=backward)
            found = measure(graph, order, memory_bytes=limit, device="cpu")
            told.append(size_text(found.peak_bytes))
        everything = dry_run(graph, Order(seeds=1), memory_bytes=MEMORY).peak_bytes
        print(f"depth {depth:4d}: forward {told[0]}, with the gradient {told[1]}; "
              f"kept whole {size_text(everything)}")  # fmt: skip


def _least(graph: Graph, *, backward: bool) -> int:
    """The smallest limit, to a tenth, that a run fits."""
    limit = 10**5
    while True:
        try:
            dry_run(graph, Order(seeds=1, backward=backward), memory_bytes=limit)
        except DoesNotFit:
            limit = round(limit * 1.1)
        else:
            return limit


def _billion() -> None:
    graph = understand(BILLION)
    assert isinstance(graph, Graph)
    order = Order(seeds=1, batch=2, mode="eval", backward=False)
    torch.set_num_threads(2)
    for limit in (10**9, 24 * 10**9):
        plan: Plan = dry_run(graph, order, memory_bytes=limit)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = measure(graph, order, memory_bytes=limit, device="cpu")
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"-- transformer of {plan.weight_bytes / 4e9:.2f} billion parameters within "
              f"{size_text(limit)}: {len(plan.spans)} blocks, {found.seconds:.0f} s, tensors "
              f"{size_text(found.peak_bytes)}, process {before / 1e6:.2f} to {after / 1e6:.2f} GB; "
              f"{found.series[0].verdict.message if found.series[0].verdict else ''}")  # fmt: skip
