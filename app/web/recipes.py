"""What the layers page says above its picture: the recipe and the seed."""

from __future__ import annotations

from app.charts.names import shortened, visible
from app.core.report import Overview
from app.store.facts import SeedSearch
from app.web.contexts import RecipeRow, TensorLink
from app.web.wording import tensor_url

LONGEST_NAME = 140
BREAKS = 3  # tensors named that a line of the recipe does not explain


def seed_line(search: SeedSearch | None) -> str:
    """What the search for the seed found, or how far it is; empty where none was asked for."""
    if search is None or search.state == "cancelled":
        return ""
    if search.error is not None:
        return search.error.message
    return search.headline or "Looking for the seed …"


def recipe_rows(run: str, overview: Overview) -> tuple[RecipeRow, ...]:
    """The lines of the recipe, each with links to the first tensors that break it."""
    names = {row.index: row.name for row in overview.rows}
    return tuple(
        RecipeRow(
            text=visible(line.text),
            breaks=tuple(
                TensorLink(
                    name=shortened(names.get(index, f"tensor {index}"), LONGEST_NAME),
                    href=tensor_url(run, index),
                )
                for index in line.breaks[:BREAKS]
            ),
            further=max(0, len(line.breaks) - BREAKS),
        )
        for line in overview.summary.recipe
    )
