"""Seed recovery judged: many models under random seeds, changed in known ways, told right or not.

Every tensor has a known fate: drawn and kept, moved by a training step, drawn elsewhere, constant.
The whole way of a file is gone: saved, read, described, judged, searched. Printed are the seeds
found, the fates told wrong, and the speed of trying seeds one by one.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from app.core.origins import FEW
from app.core.search import TOGETHER, seed_of
from app.core.seeds import warm
from app.core.targets import Sought
from app.jobs.seeding import SeedReport, recover_seeds
from benchmarks._networks import ARCHITECTURES, Build

ROUNDS = 1  # models of each architecture, law and change
SEEDS = 10**7
FAR = 0.5  # stds; a step so long may bury the draw
Fates = dict[str, str]


def redraw(law: str, tensor: torch.Tensor) -> None:
    """Draw a matrix again by a law that can be replayed."""
    init = nn.init
    {
        "kaiming_normal": lambda: init.kaiming_normal_(tensor, nonlinearity="relu"),
        "kaiming_uniform": lambda: init.kaiming_uniform_(tensor, mode="fan_out"),
        "xavier_normal": lambda: init.xavier_normal_(tensor),
        "xavier_uniform": lambda: init.xavier_uniform_(tensor, gain=1.41),
        "normal": lambda: init.normal_(tensor, 0.0, 0.02),
        "trunc_normal": lambda: init.trunc_normal_(tensor, std=0.02),
        "uniform": lambda: init.uniform_(tensor, -0.08, 0.08),
    }[law]()


LAWS = (
    "default",
    "kaiming_normal",
    "kaiming_uniform",
    "xavier_normal",
    "xavier_uniform",
    "normal",
    "trunc_normal",
    "uniform",
)
CHANGES = ("none", "later", "elsewhere", "one moved", "all moved")


@torch.no_grad()
def initialised(build: Build, law: str) -> nn.Module:
    """A model whose matrices are drawn again by a law, as training scripts do; biases become 0."""
    model = build()
    if law == "default":
        return model
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            redraw(law, parameter)
        elif name.endswith("bias"):
            parameter.zero_()
    return model


def changed(
    model: nn.Module, change: str, data: torch.Tensor, chance: np.random.Generator
) -> Fates:
    """Do something to a model; what should be told of each tensor then."""
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    drawn = [name for name, value in before.items() if value.dim() > 1]
    fates = {name: fate(value) for name, value in before.items()}
    victim = drawn[int(chance.integers(len(drawn)))]
    match change:
        case "later":
            redraw(str(chance.choice(LAWS[1:])), model.get_parameter(victim))
        case "elsewhere":
            values = chance.normal(0, 0.05, before[victim].shape).astype(np.float32)
            model.get_parameter(victim).data = torch.from_numpy(values)
            fates[victim] = "not_from_stream"
        case "one moved" | "all moved":
            only = victim if change == "one moved" else None
            step(model, data, only)
            for name, value in model.named_parameters():
                if not torch.equal(value, before[name]):
                    fates[name] = moved(fates[name], before[name], value.detach())
    return fates


def moved(drawn: str, before: torch.Tensor, after: torch.Tensor) -> str:
    """What should be told of a tensor that a step changed."""
    if drawn != "from_stream":
        return "trained"
    spread = max(float(before.std(correction=0)), 1e-30)
    return "moved far" if float((after - before).square().mean().sqrt()) > FAR * spread else "moved"


def fate(value: torch.Tensor) -> str:
    """What should be told of a tensor as it was drawn."""
    constant = value.numel() > 1 or float(value.flatten()[0]) in (0.0, 0.25, 1.0)
    return "cannot_be_replayed" if constant and value.unique().numel() == 1 else "from_stream"


def step(model: nn.Module, data: torch.Tensor, only: str | None) -> None:
    """One step of SGD on all parameters, or on one."""
    chosen = list(model.parameters()) if only is None else [model.get_parameter(only)]
    optimiser = torch.optim.SGD(chosen, lr=0.01)
    logits = model(data).flatten(1)
    torch.nn.functional.cross_entropy(
        logits, torch.arange(len(logits)) % logits.shape[1]
    ).backward()
    optimiser.step()


def told(model: nn.Module) -> SeedReport:
    """The report on the model's file."""
    with tempfile.NamedTemporaryFile(suffix=".pt") as file:
        torch.save(model.state_dict(), file.name)
        descriptor = os.open(file.name, os.O_RDONLY)
        try:
            asked = {"name": "model.pt", "full": False, "threads": 1, "seconds": 600.0}
            return recover_seeds(descriptor, asked, lambda _progress: None)
        finally:
            os.close(descriptor)


def mistakes(report: SeedReport, fates: Fates, seed: int) -> Iterator[str]:
    """What is told wrong, in words.

    A constant that was trained was never drawn, and a long step may bury a draw: of these, only
    "from_stream" would be wrong.
    """
    for row in report.tensors:
        origin, right = row.origin, fates[row.name]
        if right in ("trained", "moved far"):
            if origin.verdict == "from_stream":
                yield f"{row.name}: {right}, told as drawn"
        elif right == "moved" and np.prod(row.shape) < FEW:
            if origin.verdict == "from_stream":
                yield f"{row.name}: moved told as drawn"
        elif origin.verdict != right:
            size = "×".join(map(str, row.shape))
            yield f"{row.name} ({size}): {right} told as {origin.verdict} ({origin.reason})"
        elif right in ("from_stream", "moved") and origin.seed != seed:
            yield f"{row.name}: seed {origin.seed}"


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    warm()
    _speed()
    chance = np.random.default_rng(int(sys.argv[-1]) if sys.argv[-1].isdigit() else 0)
    found, models, wrong, tensors = Counter[str](), Counter[str](), Counter[str](), 0
    seconds: list[float] = []
    for architecture, (build, data) in ARCHITECTURES.items():
        for law in LAWS:
            for change in CHANGES * ROUNDS:
                seed = int(chance.integers(SEEDS))
                torch.manual_seed(seed)
                model = initialised(build, law)
                fates = changed(model, change, data(), chance)
                start = time.perf_counter()
                report = told(model)
                seconds.append(time.perf_counter() - start)
                models[change] += 1
                right = bool(report.seeds) and report.seeds[0].seed == seed
                found[change] += right
                false = [one.seed for one in report.seeds if one.seed != seed]
                tensors += len(report.tensors)
                lines = list(mistakes(report, fates, seed)) if right else ["no seed found"]
                for line in [*lines, *(f"FALSE SEED {one}" for one in false)]:
                    wrong[change] += right
                    print(f"  {architecture}, {law}, {change}, seed {seed}: {line}", flush=True)
    print(f"{'change':12}{'models':>8}{'seed found':>12}{'told wrong':>12}")
    for change in CHANGES:
        print(f"{change:12}{models[change]:8}{found[change]:12}{wrong[change]:12}")
    median, most = float(np.median(seconds)), max(seconds)
    print(f"{tensors} tensors; {median:.2f} s a model in the median, {most:.1f} s at most")


def _speed() -> None:
    values = np.random.default_rng(0).uniform(-0.1, 0.1, 1000).astype(np.float32)
    sought = [Sought(index=0, values=values, bounds=(0.1,))]
    seeds = 64 * TOGETHER
    start = time.process_time()
    seed_of(sought, [(0, seeds)])
    rate = seeds / (time.process_time() - start) / 1e6
    minutes = 2**32 / rate / 6e7
    print(f"seeds one by one: {rate:.1f} million a second and core; all 2³² {minutes:.0f} min")


if __name__ == "__main__":
    main()
