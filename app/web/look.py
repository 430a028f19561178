"""What the tensor page's address asks for: the picked law, the kind of y axis, the part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The state of a tensor page, each field empty at its default."""

    scheme: str = ""  # id of the law drawn thick; the one that fits best where empty
    logy: str = ""  # "1" draws the density on a logarithmic axis
    part: str = ""  # name of a part of a packed tensor; the whole where empty

    @property
    def log(self) -> bool:
        """Whether the density axis is logarithmic."""
        return self.logy == "1"

    def query(self, **changes: str) -> str:
        """The query string of this state with some fields changed, defaults left out."""
        pairs = asdict(replace(self, **changes))
        text = urlencode([(name, value) for name, value in pairs.items() if value])
        return f"?{text}" if text else ""


def look_of(query: Mapping[str, str]) -> Look:
    """The state that a query string asks for; a nonsense value is the default."""
    part = query.get("part", "")
    return Look(
        scheme=query.get("scheme", ""),
        logy="1" if query.get("logy") == "1" else "",
        part="" if part == "all" else part,
    )
