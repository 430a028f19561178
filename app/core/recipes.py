"""Which law each parameter of a network gets under a scheme, and what was left to others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from app.core.blocks import Block, blocks
from app.core.catalogue import BY_ID, Scheme
from app.core.companions import companions
from app.core.context import ModelContext, Named, Site, model_context, site_of
from app.core.defaults import default_law
from app.core.distributions import Constant, Distribution, Normal
from app.core.fans import Fans, fans
from app.core.graph import Graph, Parameter
from app.core.kept import Kept
from app.core.layers import EMBEDDING, OFFSET, STATE_ROLES, TABLES, WEIGHT_ROLES
from app.core.scales import applies, distribution
from app.core.schemes import default_distribution
from app.core.wording import counted, listed
from app.errors import Invalid

DEFAULT = "torch_default"
_FRESH = {"running_mean": 0.0, "running_var": 1.0, "num_batches_tracked": 0.0}
MOST_SCHEMES: Final = 4  # whose laws are kept for one network
_UNKNOWN_STD = 0.02  # of bare matrices and tokens, as vision transformers draw theirs

_Word: TypeAlias = Literal[
    "scheme", "packed", "companion", "default", "offset", "fresh", "guessed", "kept"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The laws of one network's parameters, by name.

    A parameter in none of the three keeps the values of its file.
    """

    laws: dict[str, Distribution]
    packed: dict[str, tuple[tuple[Block, Distribution], ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    factors: dict[str, float] = field(default_factory=dict)  # times the values of the file


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """What draws one parameter, and by whose word."""

    law: Distribution | None = None  # of the whole; None where its file's values stay, or by blocks
    packed: tuple[tuple[Block, Distribution], ...] = ()
    word: _Word
    companion: tuple[str, str] | None = None  # kind of parameter and name of the scheme for it


class Recipes:
    """The recipes of one network; the law of a parameter is found once."""

    def __init__(self, parameters: tuple[Parameter, ...]) -> None:
        """Begin with the parameters of a network, which never change."""
        self.parameters = parameters
        self._context = _context(parameters)
        self._kept: Kept[tuple[Parameter, ...], dict[str, _Drawn]] = Kept(MOST_SCHEMES)

    def of(
        self, scheme_id: str, *, only: Collection[str] | None = None, chosen: bool = False
    ) -> Recipe:
        """As `recipe`."""
        scheme = BY_ID.get(scheme_id)
        if scheme is None:
            raise Invalid(what="scheme", expected="an id of the catalogue", got=repr(scheme_id))
        known = self._kept.of(self.parameters, dict, which=(scheme_id, chosen))
        drawn: dict[str, _Drawn] = {}
        for parameter in self.parameters:
            name = parameter.name
            if only is None or name in only:
                if name not in known:
                    placed = _placed(parameter, self._context)
                    known[name] = _drawn(scheme, placed, chosen=chosen)
                drawn[name] = known[name]
        return Recipe(
            laws={name: one.law for name, one in drawn.items() if one.law is not None},
            packed={name: one.packed for name, one in drawn.items() if one.packed},
            notes=_notes(scheme, drawn, whole=only is None),
        )


def recipe(
    graph: Graph, scheme_id: str, *, only: Collection[str] | None = None, chosen: bool = False
) -> Recipe:
    """The law of every parameter of a network under a scheme.

    The scheme draws the weights of the kinds that it is for. Biases, norms, embeddings and other
    weights follow its library's own recipe where it has one, else torch's default.

    Args:
        graph: The network.
        scheme_id: Of the catalogue.
        only: Names of the parameters that are asked for; None: all.
        chosen: Whether the scheme was chosen for them: it then draws embeddings and the scales of
            norms as well, where it can.

    Raises:
        Invalid: If the catalogue has no such scheme.
    """
    return Recipes(graph.parameters).of(scheme_id, only=only, chosen=chosen)


def _context(parameters: Iterable[Parameter]) -> ModelContext | None:
    """What the names tell of the model; None where every parameter has been told already."""
    learned = [one for one in parameters if one.learned]
    if all("parts" in one.facts.attributes for one in learned):
        return None
    return model_context([named(one) for one in learned])


def named(parameter: Parameter) -> Named:
    """The parameter as its model's names are read."""
    path = parameter.facts.module
    leaf = parameter.name.removeprefix(f"{path}.") if path else parameter.name
    return Named(path=path, leaf=leaf, shape=parameter.shape)


def _placed(parameter: Parameter, context: ModelContext | None) -> Parameter:
    """The parameter with its place in the model among its attributes."""
    if context is None:
        return parameter
    around = context.attributes(named(parameter))
    attributes = around | parameter.facts.attributes
    return replace(parameter, facts=replace(parameter.facts, attributes=attributes))


def _fans(parameter: Parameter) -> Fans | None:
    facts = parameter.facts
    if facts.fan_in is not None and facts.fan_out is not None:
        return Fans(fan_in=facts.fan_in, fan_out=facts.fan_out)
    return fans(parameter.shape) if len(parameter.shape) >= 2 else None


def _is_table(parameter: Parameter, site: Site) -> bool:
    return parameter.facts.kind in EMBEDDING or bool(site.parts & TABLES)


def _meant(scheme: Scheme, parameter: Parameter, site: Site, *, chosen: bool = False) -> bool:
    """Whether a scheme is for such a parameter, or was chosen for it and can draw it."""
    if not parameter.learned or scheme.id == DEFAULT:
        return False
    if chosen and parameter.facts.role in WEIGHT_ROLES | {"norm_weight"}:
        return applies(scheme, site)
    if scheme.parts and scheme.parts <= {"vector", "scalar"}:
        return "scale" in site.parts and applies(scheme, site)
    if parameter.facts.role not in WEIGHT_ROLES or len(parameter.shape) < 2:
        return False
    if _is_table(parameter, site) and not scheme.parts & site.parts & TABLES:
        return False
    return applies(scheme, site)


def _packed(
    scheme: Scheme, parameter: Parameter, site: Site
) -> tuple[tuple[Block, Distribution], ...]:
    """A law for each block of a packed weight, where it is not the law of the whole."""
    shape = parameter.shape
    if len(shape) != 2 or not _meant(scheme, parameter, site):
        return ()
    whole = distribution(scheme, fans=_fans(parameter), shape=shape, site=site)
    found = [
        (block, distribution(scheme, fans=block.fans(shape), shape=block.shape(shape), site=site))
        for block in blocks(parameter.facts, shape)
    ]
    laws = tuple((block, law) for block, law in found if law is not None)
    if len(laws) < len(found) or all(law == whole for _, law in laws):
        return ()
    return laws


def _drawn(scheme: Scheme, parameter: Parameter, *, chosen: bool) -> _Drawn:
    """What draws a parameter in its place."""
    site = site_of(parameter.facts, parameter.shape)
    if parts := _packed(scheme, parameter, site):
        return _Drawn(packed=parts, word="packed")
    if _meant(scheme, parameter, site, chosen=chosen):
        law = distribution(scheme, fans=_fans(parameter), shape=parameter.shape, site=site)
        if law is not None:
            return _Drawn(law=law, word="scheme")
    if not parameter.learned or parameter.facts.role in STATE_ROLES:
        return _state(parameter)
    return _companion(scheme, parameter, site) or _default(parameter, site)


def _state(parameter: Parameter) -> _Drawn:
    fresh = _FRESH.get(parameter.facts.role, _FRESH.get(parameter.name.rpartition(".")[2]))
    return _Drawn(word="kept") if fresh is None else _Drawn(law=Constant(value=fresh), word="fresh")


def _companion(scheme: Scheme, parameter: Parameter, site: Site) -> _Drawn | None:
    line = _line(parameter, site)
    other = companions(scheme.id).get(line) if line else None
    if other is None:
        return None
    law = distribution(BY_ID[other], fans=_fans(parameter), shape=parameter.shape, site=site)
    if law is None:
        return None
    return _Drawn(law=law, word="companion", companion=(line, BY_ID[other].name))


def _line(parameter: Parameter, site: Site) -> str:
    """Its kind in the words of a recipe; "" for what no recipe speaks of."""
    role = parameter.facts.role
    if _is_table(parameter, site):
        return "embeddings"
    if role in {"bias", "in_proj_bias", "bias_ih", "bias_hh"}:
        return "biases"
    return "weights" if role in WEIGHT_ROLES and len(parameter.shape) >= 2 else ""


def _default(parameter: Parameter, site: Site) -> _Drawn:
    if OFFSET in parameter.facts.attributes:
        return _Drawn(law=Constant(value=0.0), word="offset")
    default = default_law(parameter.facts, parameter.shape)
    if default is not None:
        return _Drawn(law=default_distribution(default), word="default")
    if parameter.stored is not None:
        return _Drawn(word="kept")
    if len(parameter.shape) >= 2 or site.parts & TABLES:
        return _Drawn(law=Normal(std=_UNKNOWN_STD), word="guessed")
    bias = parameter.facts.role in {"bias", "in_proj_bias", "bias_ih", "bias_hh"}
    return _Drawn(law=Constant(value=0.0 if bias else 1.0), word="guessed")


def _notes(scheme: Scheme, drawn: Mapping[str, _Drawn], *, whole: bool) -> tuple[str, ...]:
    told: dict[_Word, list[str]] = defaultdict(list)
    for name, one in drawn.items():
        told[one.word].append(name)
    found: list[str] = []
    if scheme.id != DEFAULT:
        found += _companions(drawn)
        found += _about_scheme(scheme, told, whole=whole and not found)
    if told["packed"]:
        found.append(f"drawn block by block: {listed(told['packed'])}")
    if told["offset"]:
        names = listed(told["offset"])
        found.append(f"norms that multiply by 1 + weight begin at a factor of 1: {names}")
    if told["guessed"]:
        found.append(
            "without a known default, matrices are N(0, 0.02), biases 0 and scales 1: "
            f"{listed(told['guessed'])}"
        )
    if told["kept"]:
        found.append(f"the file's own values stay in {listed(told['kept'])}")
    return tuple(found)


def _companions(drawn: Mapping[str, _Drawn]) -> list[str]:
    pairs = {one.companion for one in drawn.values() if one.companion is not None}
    return [f"{line}: {name}" for line, name in sorted(pairs)]


def _about_scheme(scheme: Scheme, told: Mapping[_Word, list[str]], *, whole: bool) -> list[str]:
    many = len(told["scheme"]) + len(told["packed"])
    if not many:
        none = f"the network has no weight that {scheme.name} is for: all parameters keep"
        rest = f"{scheme.name} is for none of the parameters that are left to it: they keep"
        return [f"{none if whole else rest} torch's default"]
    found = []
    if told["default"]:
        found.append(
            f"{scheme.name} draws {counted(many, 'weight')}; torch's default "
            f"{len(told['default']):,} other parameters, such as {told['default'][0]}"
        )
    if scheme.any_gain:
        found.append("the gain that data would set is 1 here")
    return found
