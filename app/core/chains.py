"""Plain chains of layers recorded in the file, and whether their draws suit the activation."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence

from app.core.checkpoint import ModuleRecord
from app.core.layers import CONV, LINEAR, NORM, torch_kind
from app.core.notices import finding
from app.core.recipe import Recipe, is_weight
from app.core.report import Finding, TensorReport
from app.core.wording import counted, factor, number

LONG = 6  # layers from which a factor a layer matters
FAINT = 1e-3  # share of the signal's size that a long chain should keep
LEAST = 2  # layers of a chain
STRONG = 4.0  # factor a layer that matters in a chain of any length; a default layer's is 1/2.4
KEPT = {"ReLU": 0.5, "ReLU6": 0.5, "LeakyReLU": 0.5}  # share of a normal signal's energy


def chain_scales(recipe: Recipe, modules: Sequence[ModuleRecord]) -> list[Finding]:
    """Sequential chains of linear layers and rectifiers that multiply the signal up or down.

    Args:
        recipe: Of the model.
        modules: As the file records them; without them nothing tells the activation.
    """
    if recipe.trained:
        return []
    found = []
    for chain in _chains(modules):
        by_module = {r.module: r for r in recipe.weights if is_weight(r)}
        layers = [by_module[path] for path, _ in chain if path in by_module]
        if len(layers) < max(LEAST, len(chain)):
            continue
        gains = [_gain(r, KEPT[after]) for r, (_, after) in zip(layers, chain, strict=True)]
        kept = math.exp(math.fsum(math.log(g) for g in gains))
        each = kept ** (1 / len(layers))
        if not 1 / STRONG < each < STRONG or (len(layers) >= LONG and not FAINT < kept < 1 / FAINT):
            found.append(_said(layers, chain[0][1], kept))
    return found


def _chains(modules: Sequence[ModuleRecord]) -> list[list[tuple[str, str]]]:
    """(path of a layer, class of the activation behind it) of every Sequential without norms."""
    children: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for record in modules:
        parent, _, own = record.path.rpartition(".")
        if own:
            children[parent].append((record.path, record.class_name.rpartition(".")[2]))
    sequential = {
        m.path for m in modules if m.class_name == "torch.nn.modules.container.Sequential"
    }
    kinds = {m.path: torch_kind(m.class_name) for m in modules}
    chains = []
    for parent in sequential:
        inside = children[parent]
        if any(kinds.get(path) in NORM for path, _ in inside):
            continue
        pairs = itertools.pairwise(inside)
        chains.append(
            [
                (path, after)
                for (path, _), (_, after) in pairs
                if kinds.get(path) in LINEAR | CONV.keys() and after in KEPT
            ]
        )
    return chains


def _gain(report: TensorReport, kept: float) -> float:
    """Factor on the signal's root mean square: √(fan_in·σ²·share kept)."""
    return max(1e-30, math.sqrt((report.fan_in or 1) * (report.std or 0.0) ** 2 * kept))


def _said(layers: Sequence[TensorReport], activation: str, kept: float) -> Finding:
    each = kept ** (1 / len(layers))
    message = (
        f"{counted(len(layers), 'layer')} before {activation} change the signal's size by "
        f"{factor(each)} each, {number(kept)} over the chain; √(2/fan_in) keeps it. Draw them by "
        "kaiming_normal_(w, nonlinearity='relu'), or put norms between them."
    )
    return finding(
        ("info" if 1 / STRONG < each < STRONG else "warning", "scale_for_activation"),
        layers,
        message,
        measured=each,
        limit=1.0,
        source="He et al. (2015), section 2.2, at infinite width",
    )
