"""When training is first seen, and which layers of a trained model are told to be fresh.

An MLP and a small convolutional network on synthetic classes, saved at steps 0, 1, 10, 100 and
1,000. Then trained models in which a quarter of the weights are drawn again, by every scheme.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import torch
from torch import nn

from app.core import judgement, measurement, verdicts
from app.core.catalogue import CATALOGUE
from app.core.checkpoint import Checkpoint, StoredTensor
from app.core.distributions import Constant
from app.core.proofs import certificate_of
from app.core.recipe import is_off_lattice
from app.core.report import Source, TensorReport
from app.core.sketch import sketch, warm
from app.readers.naming import describe
from benchmarks._origins import laws_of, placed
from benchmarks._tensors import drawn

STEPS = (0, 1, 10, 100, 1000)
BATCH, CLASSES = 64, 10
FRESH = frozenset({"still_at_init", "never_loaded"})
SOURCE = Source(name="model.pt", format="torch zip", bytes=1, sha256="0" * 64)


def mlp() -> nn.Sequential:
    """128-256-256-10."""
    return nn.Sequential(
        nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, CLASSES)
    )


def cnn() -> nn.Sequential:
    """Three convolutions and a classifier, for 3 x 16 x 16 pictures."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    )


SHAPES: dict[str, tuple[Callable[[], nn.Sequential], tuple[int, ...]]] = {
    "MLP": (mlp, (128,)),
    "CNN": (cnn, (3, 16, 16)),
}
OPTIMIZERS: dict[str, Callable[[nn.Module], torch.optim.Optimizer]] = {
    "SGD 0.1": lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
    "Adam 1e-3": lambda model: torch.optim.Adam(model.parameters(), lr=1e-3),
}
LONG = {
    "default": OPTIMIZERS,
    "Kaiming normal": OPTIMIZERS
    | {
        "Adam 1e-2": lambda model: torch.optim.Adam(model.parameters(), lr=1e-2),
    },
}


def main() -> None:
    """Print when each tensor is first told trained, then what re-drawn layers are told."""
    torch.set_num_threads(1)
    warm()
    measurement.warm()
    start, false = time.perf_counter(), 0
    for name in SHAPES:
        for init in ("default", "Kaiming normal"):
            for optimizer in OPTIMIZERS:
                false += print_history(name, init, optimizer)
    print(f"\ntensors of fresh models told no draw: {false}")
    print_redrawn(quick="--quick" in sys.argv)
    print(f"\n{time.perf_counter() - start:.0f} s in all")


def initialised(name: str, init: str) -> nn.Sequential:
    """A fresh model, its weights by Kaiming normal where that is asked for."""
    model = SHAPES[name][0]()
    if init != "default":
        for weight in _weights(model).values():
            nn.init.kaiming_normal_(weight, nonlinearity="relu")
    return model


def _weights(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if p.dim() > 1}


def batches(shape: tuple[int, ...]) -> Callable[[], tuple[torch.Tensor, torch.Tensor]]:
    """Pictures about one of ten class means, with noise, a new batch at each call."""
    means = torch.randn(CLASSES, *shape)

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.randint(0, CLASSES, (BATCH,))
        return 0.5 * means[labels] + torch.randn(BATCH, *shape), labels

    return batch


def train(
    model: nn.Module, descent: torch.optim.Optimizer, shape: tuple[int, ...], steps: int
) -> None:
    """So many steps from where the model stands."""
    batch = batches(shape)
    for _ in range(steps):
        pictures, labels = batch()
        descent.zero_grad()
        nn.functional.cross_entropy(model(pictures), labels).backward()
        descent.step()


def saved(name: str, init: str, optimizer: str) -> dict[int, dict[str, torch.Tensor]]:
    """The state dict at every step of STEPS."""
    torch.manual_seed(0)
    model, shape = initialised(name, init), SHAPES[name][1]
    descent, batch, found = OPTIMIZERS[optimizer](model), batches(shape), {}
    for step in range(STEPS[-1] + 1):
        if step in STEPS:
            found[step] = {key: value.clone() for key, value in model.state_dict().items()}
        pictures, labels = batch()
        descent.zero_grad()
        nn.functional.cross_entropy(model(pictures), labels).backward()
        descent.step()
    return found


def judged(state: dict[str, torch.Tensor]) -> verdicts.Conclusion:
    """The whole analysis of a float32 state dict."""
    tensors = tuple(
        StoredTensor(
            index=index,
            name=name,
            group="",
            dtype="float32",
            shape=tuple(value.shape),
            strides=tuple(value.stride()),
            offset=0,
        )
        for index, (name, value) in enumerate(state.items())
    )
    checkpoint = Checkpoint(format="torch zip", tensors=tensors)
    facts = describe(checkpoint)
    alpha = 0.001 / max(1, sum(map(judgement.is_judged, facts, tensors)))
    reports = []
    for tensor, about in zip(tensors, facts, strict=True):
        values = state[tensor.name].numpy()
        seen = sketch(values, dtype="float32", limit=judgement.limit_of(about, tensor))
        places = measurement.places_of(values, seen)
        report = judgement.judge(tensor, about, seen, alpha=alpha, places=places)
        told = certificate_of(values, report)
        reports.append(replace(report, certificate=told))
    return verdicts.conclude(source=SOURCE, checkpoint=checkpoint, reports=reports, alpha=alpha)


def _told(report: TensorReport, fresh: TensorReport) -> str:
    """One letter, as the table's key has them."""
    if report.status == "not_at_init":
        moved = any("followed by some training" in remark for remark in report.remarks)
        return "m" if moved else "t"
    if report.status in {"unlisted_scale", "too_small"}:
        return report.status[0].replace("t", "-")
    if is_off_lattice(report) or _is_moved_uniform(report):
        return "b"
    return "." if set(report.schemes) & set(fresh.schemes) else "o"


def _is_moved_uniform(report: TensorReport) -> bool:
    """Whether a tensor fits uniform laws alone, and its bits are no CPU draw of them."""
    laws = {c.law for c in report.candidates if c.rejected_by is None}
    return laws == {"uniform"} and (report.certificate or {}).get("verdict") == "refuted"


def print_history(name: str, init: str, optimizer: str) -> int:
    """One line a tensor; returns how many were told no draw at step 0."""
    history = saved(name, init, optimizer)
    reports = {step: judged(state).reports for step, state in history.items()}
    print(f"\n{name}, {init}, {optimizer}: told at steps {', '.join(map(str, STEPS))}")
    print("  . as at step 0  o fits another scheme  m moved past an edge  t no draw", end="")
    print("  u unlisted scale  b fits, but by its bits no draw  - too few values")
    for place, (key, fresh) in enumerate(history[0].items()):
        told = [_told(reports[step][place], reports[0][place]) for step in STEPS]
        first = next((s for s, said in zip(STEPS, told, strict=True) if said in "mtub"), None)
        moved = [float((history[s][key] - fresh).norm() / fresh.norm()) for s in STEPS[1:]]
        changes = ", ".join(f"{100 * change:.2g} %" for change in moved)
        print(
            f"  {key:10} {fresh.numel():7,}  {' '.join(told)}  first told "
            f"{'never' if first is None else f'at step {first}':13}  relative change {changes}"
        )
    return sum(r.status in {"not_at_init", "unlisted_scale"} for r in reports[0])


def deep() -> nn.Sequential:
    """Eight layers of 128 units, a narrow one among them, and a classifier."""
    widths = [128, 128, 256, 128, 64, 128, 256, 128]
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], CLASSES))


def print_redrawn(*, quick: bool) -> None:
    """Trained models with a quarter drawn again by each scheme: exactly those told fresh?"""
    SHAPES["deep MLP"] = (deep, (128,))
    print("\ntrained models with a quarter of the weights drawn again by every scheme")
    for name, steps in (("deep MLP", 1000), ("CNN", 600)):
        for init in ("default", "Kaiming normal"):
            for optimizer, descent in LONG[init].items():
                torch.manual_seed(1)
                model = initialised(name, init)
                train(model, descent(model), SHAPES[name][1], 100 if quick else steps)
                _print_exact(f"{name}, {init}, {optimizer}", model)


def _print_exact(label: str, model: nn.Module) -> None:
    state = {key: value.clone() for key, value in model.state_dict().items()}
    large = [key for key, value in state.items() if value.dim() > 1 and value.numel() >= 1000]
    reports = [report for report in judged(state).reports if report.name in large]
    seen = sum(report.status == "not_at_init" for report in reports)
    print(f"  {label}: {seen} of {len(large)} trained weights told no draw; ", end="")
    dice, tried, wrong = random.Random(0), 0, []
    for scheme in CATALOGUE:
        chosen = dice.sample(large, max(1, len(large) // 4))
        mixed = dict(state)
        for key in chosen:
            again = _drawn_again(scheme.id, state[key])
            mixed |= {} if again is None else {key: again}
        changed = {key for key in chosen if mixed[key] is not state[key]}
        if not changed:
            continue
        tried += 1
        told = _fresh(mixed)
        if told != changed:
            wrong.append(f"{scheme.id}: missed {changed - told}, falsely {told - changed}")
    print(f"{tried - len(wrong)} of {tried} schemes exactly; before: {_fresh(state) or 'none'}")
    for line in wrong[:5]:
        print(f"    {line}")


def _drawn_again(scheme: str, weight: torch.Tensor) -> torch.Tensor | None:
    """The weight drawn by a scheme; None where it does not apply or draws nothing at random."""
    shape = tuple(weight.shape)
    laws = laws_of(placed(shape, None), shape)
    law = next((one for one in laws if scheme in one.ids), None)
    if law is None or isinstance(law.distribution, Constant):
        return None
    return drawn(law.distribution, shape, "float32")


def _fresh(state: dict[str, torch.Tensor]) -> set[str]:
    """The tensors that the findings tell to be still at initialisation."""
    found = judged(state).findings
    return {name for finding in found if finding.code in FRESH for name in finding.tensors}


if __name__ == "__main__":
    main()
