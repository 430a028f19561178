"""What attribution finds in tensors of known origin: coverage, set size, power, confusion, time.

Every law of the catalogue at random shapes and storage dtypes, and tensors that are no longer at
initialisation in twelve ways. Beside each number stands the one to beat, of the method's first
measurement. `--quick` takes a tenth of the tensors.
"""

from __future__ import annotations

import math
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import mean, median

import torch

from app.core import judgement, measurement
from app.core.attribution import attribute
from app.core.catalogue import CATALOGUE
from app.core.checkpoint import StoredTensor
from app.core.distributions import Normal, TruncatedNormal, Uniform
from app.core.report import TensorReport
from app.core.schemes import LawAtShape
from app.core.sketch import sketch, warm
from benchmarks._origins import SIZES, STORAGES, Origin, origins
from benchmarks._tensors import MOVED, drawn

ALPHA = 0.001
GOAL_COVERAGE, GOAL_MILLISECONDS = 0.998, 20.0
# The first measurement: mean set size, share of moved tensors with no scheme left, and share told
# "no draw at any scale", by size.
FORMER = {
    (8, 32): (11.22, 0.014, 0.000),
    (32, 128): (6.55, 0.135, 0.000),
    (128, 1024): (2.49, 0.341, 0.159),
    (1024, 16384): (1.59, 0.832, 0.626),
    (16384, 300_000): (1.30, 0.840, 0.574),
    (300_000, 10_000_000): (1.12, 0.978, 0.870),
}
# Power at alpha = 0.01, mean over the departures: the first measurement's best single test, and
# its battery without and with rows and columns.
POWER = {
    (10, "uniform"): (0.29, 0.63, 0.63),
    (10, "normal"): (0.03, 0.03, 0.03),
    (10, "truncated_normal"): (0.12, 0.39, 0.39),
    (32, "uniform"): (0.68, 0.89, 0.89),
    (32, "normal"): (0.18, 0.22, 0.23),
    (32, "truncated_normal"): (0.27, 0.83, 0.77),
    (100, "uniform"): (0.85, 0.91, 0.91),
    (100, "normal"): (0.38, 0.46, 0.55),
    (100, "truncated_normal"): (0.69, 0.91, 0.91),
}
BEFORE = (
    "clipped normal",
    "init + 20 % low rank",
    "init + 5 % student",
    "laplace",
    "two normals",
    "rows rescaled",
    "student 4",
    "shrunk 1 %",
)
FAMILIES = {
    "uniform": Uniform(bound=math.sqrt(3)),
    "normal": Normal(std=1.0),
    "truncated_normal": TruncatedNormal(parent=1.0),
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """One tensor's origin and verdict."""

    origin: Origin
    report: TensorReport
    seconds: float

    @property
    def size(self) -> tuple[int, int]:
        """The row of the table it belongs to."""
        n = self.report.count
        return next((s for s in SIZES if s[0] <= n < s[1]), list(SIZES)[-1])

    @property
    def covered(self) -> bool:
        """Whether the scheme that drew it is in the set."""
        return self.origin.scheme in self.report.schemes

    @property
    def said(self) -> str:
        """The verdict in a word or two."""
        report = self.report
        if report.schemes:
            best = next(c for c in report.candidates if c.rejected_by is None)
            return f"match:{best.law}"
        if report.status == "unlisted_scale":
            return "unlisted scale"
        return {"not_at_init": "no draw", "too_small": "too few, none fits"}.get(
            report.status, report.status
        )


def main() -> None:
    """Print every table."""
    quick = "--quick" in sys.argv
    torch.manual_seed(0)
    torch.set_num_threads(1)
    warm()
    measurement.warm()
    start = time.perf_counter()
    results = [judged(origin) for origin in origins(0.1 if quick else 1.0)]
    print_coverage(results)
    print_sizes(results)
    print_confusion(results)
    print_power(20 if quick else 60)
    print(f"\n{time.perf_counter() - start:.0f} s in all")


def judged(origin: Origin) -> Result:
    """The verdict on one tensor, and the processor's time from values to report."""
    values, shape = origin.values, tuple(origin.values.shape)
    dtype = str(values.dtype).removeprefix("torch.")
    array = values.view(torch.uint16).numpy() if dtype == "bfloat16" else values.numpy()
    tensor = StoredTensor(
        index=0,
        name="layer.weight",
        group="",
        dtype=dtype,
        shape=shape,
        strides=tuple(values.stride()),
        offset=0,
    )
    facts, start = origin.facts, time.process_time()
    seen = sketch(array, dtype=dtype, limit=judgement.limit_of(facts, tensor))
    places = measurement.places_of(array, seen)
    report = judgement.judge(tensor, facts, seen, alpha=ALPHA, places=places)
    return Result(origin=origin, report=report, seconds=time.process_time() - start)


def print_coverage(results: list[Result]) -> None:
    """Whether the true scheme is in the set, by storage and law; the misses one by one."""
    listed = [r for r in results if r.origin.scheme is not None]
    missed = [r for r in listed if not r.covered]
    coverage, milliseconds = 1 - len(missed) / len(listed), 1e3 * median(r.seconds for r in results)
    schemes = {r.origin.scheme for r in listed}
    values = sum(r.report.count for r in results)
    undrawn = [scheme.id for scheme in CATALOGUE if scheme.id not in schemes]
    print(f"{len(results):,} tensors, {values:,} values, {len(schemes)} schemes drawn")
    print(f"of the catalogue not drawn: {', '.join(undrawn) or 'none'}")
    verdict = "met" if coverage >= GOAL_COVERAGE else "MISSED"
    print(f"coverage of the true law {coverage:.4%} at alpha {ALPHA:g}; goal 99.8 %: {verdict}")
    verdict = "met" if milliseconds <= GOAL_MILLISECONDS else "MISSED"
    print(f"{milliseconds:.1f} ms a tensor in the median, reading included; goal 20: {verdict}")
    for storage in STORAGES:
        mine = [r for r in listed if r.origin.storage == storage]
        if mine:
            share = mean(r.covered for r in mine)
            print(f"  {storage:24}{len(mine):6} listed, coverage {share:.4f}")
    for result in missed:
        _print_miss(result)


def _print_miss(result: Result) -> None:
    wanted = result.origin.scheme
    line = next((c for c in result.report.candidates if wanted in c.ids), None)
    why = f"{line.rejected_by}: {line.reason}" if line else "not among the candidates"
    print(f"  missed {wanted} at {result.report.shape} {result.origin.storage}: {why}")


def print_sizes(results: list[Result]) -> None:
    """Coverage, first place, set size and power by size, beside the first measurement's."""
    print("\n  in brackets the first measurement, of its eight departures; here of the same eight")
    print("  values                 listed covered  first  laws left     ", end="")
    print("moved  none left      no draw        (all 12)   ms")
    for size, (old_set, old_power, old_none) in FORMER.items():
        mine = [r for r in results if r.size == size]
        listed = [r for r in mine if r.origin.scheme is not None]
        moved = [r for r in mine if r.origin.kind in MOVED]
        before = [r for r in moved if r.origin.kind in BEFORE]
        if not listed or not before:
            continue
        line = (
            f"  [{size[0]:>7,}, {size[1]:>10,}) {len(listed):5} {mean(map(_covered, listed)):8.4f}"
        )
        line += f"{mean(_first(r) for r in listed):7.3f}"
        line += f"{mean(map(_laws_left, listed)):7.2f} ({old_set:5.2f}) {len(moved):5}"
        line += f"{mean(not r.report.schemes for r in before):8.3f} ({old_power:.3f})"
        line += f"{mean(r.said == 'no draw' for r in before):8.3f} ({old_none:.3f})"
        line += f"{mean(not r.report.schemes for r in moved):8.3f}"
        print(f"{line}{1e3 * median(r.seconds for r in mine):8.1f}")


def _covered(result: Result) -> bool:
    return result.covered


def _first(result: Result) -> bool:
    best = next((c for c in result.report.candidates if c.rejected_by is None), None)
    return best is not None and result.origin.scheme in best.ids


def _laws_left(result: Result) -> int:
    return sum(c.rejected_by is None for c in result.report.candidates)


def print_confusion(results: list[Result]) -> None:
    """What was said of each kind of origin."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        table[result.origin.kind][result.said] += 1
    print("\n  confusion")
    for kind, said in table.items():
        told = ", ".join(f"{what} {n}" for what, n in said.most_common())
        print(f"  {kind:22} {told}")


def print_power(draws: int) -> None:
    """Share of departures from each family that refute it, at alpha = 0.01 as in the reference."""
    print("\n  power at alpha 0.01     here   before: best test, battery, with rows and columns")
    for (side, family), before in POWER.items():
        shares = {kind: power(side, family, kind, draws) for kind in MOVED}
        best, battery, lines = before
        here = f"{mean(shares.values()):8.2f}   {best:.2f}, {battery:.2f}, {lines:.2f}"
        print(f"  {side:>3} x {side:<3} {family:17}{here}")
        print("      " + ", ".join(f"{kind} {share:.2f}" for kind, share in shares.items()))


def power(side: int, family: str, kind: str, draws: int) -> float:
    """How often a departure refutes the law that its tensor was drawn from."""
    law = LawAtShape(
        ids=("torch_default",), names=("",), formula="", distribution=FAMILIES[family], rarity=0
    )
    refuted = 0
    for _ in range(draws):
        values = MOVED[kind](drawn(law.distribution, (side, side), "float32"))
        refuted += _refutes(values, law)
    return refuted / draws


def _refutes(values: torch.Tensor, law: LawAtShape) -> bool:
    seen = sketch(values.numpy(), dtype="float32")
    places = measurement.places_of(values.numpy(), seen)
    return not attribute(seen, (law,), alpha=0.01, places=places).schemes


if __name__ == "__main__":
    main()
