import math
import re

import numpy as np
import pytest
import torch
from torch import nn

from app.core import catalogue
from app.core.activations import ACTIVATIONS, gain
from app.core.catalogue import Scheme
from app.core.context import Site
from app.core.distributions import (
    Constant,
    Flat,
    Orthogonal,
    PositiveUniform,
    TruncatedNormal,
)
from app.core.fans import Fans, fans, stored_transposed
from app.core.schemes import BY_ID, CATALOGUE, derivation, distribution, laws_at

SHAPES = [(96, 160), (64, 3, 7, 7), (40, 24, 3)]
PLACED = {"constant", "identity", "dirac", "sparse"}
TORCH = [
    s for s in CATALOGUE if s.call.startswith("nn.init.") and s.law not in PLACED and not s.any_gain
]
NUMBERS = {"layers": 12, "place": 3, "blocks": 24, "width": 192, "head_width": 16, "groups": 4}
EVERYWHERE = frozenset(part for scheme in CATALOGUE for part in scheme.parts)
SITE = Site(parts=EVERYWHERE, **NUMBERS)


def drawn(scheme: Scheme, shape):
    return distribution(scheme, fans=fans(shape), shape=shape, site=SITE)


def called(scheme: Scheme, weight: torch.Tensor) -> None:
    names = {"nn": nn, "math": math, "w": weight, **NUMBERS}
    if weight.dim() > 1:
        names |= {"fan_in": fans(weight.shape).fan_in, "fan_out": fans(weight.shape).fan_out}
    eval(scheme.call, names)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scheme", TORCH, ids=lambda s: s.id)
def test_a_scheme_s_call_draws_its_law(scheme, shape):
    torch.manual_seed(7)
    weight = torch.empty(shape)
    called(scheme, weight)
    law = drawn(scheme, shape)
    n = weight.numel()
    if isinstance(law, Orthogonal):
        # Σw² is exact but for float32's QR.
        assert weight.pow(2).mean().sqrt().item() == pytest.approx(law.std, rel=1e-5)
        return
    # std of √(mean square): σ·√((κ-1)/4n); five of them. κ ≤ 3, n ≥ 2880: at most 6.6 %.
    tolerance = 5 * math.sqrt((law.kurtosis - 1) / (4 * n))
    size = math.hypot(law.std, law.mean) if isinstance(law, PositiveUniform) else law.std
    assert weight.pow(2).mean().sqrt().item() == pytest.approx(size, rel=tolerance)
    if law.bound is not None:
        # float32 rounds the bound by 2⁻²⁴ at most; P(max < b·(1-20/n)) is e⁻²⁰ for a uniform,
        # and a normal cut at 2σ has 0.11·n·d values in the last share d: 200/n is e⁻²².
        near = 20 if isinstance(law, Flat) else 200
        largest = weight.abs().max().item()
        assert law.bound * (1 - near / n) <= largest <= law.bound * (1 + 2**-23)


@pytest.mark.parametrize(
    "scheme", [s for s in CATALOGUE if s.law == "constant"], ids=lambda s: s.id
)
def test_a_constant_scheme_s_call_sets_its_value(scheme):
    weight = torch.empty(5, dtype=torch.float64)
    called(scheme, weight)
    law = distribution(scheme, fans=None, shape=(5,), site=SITE)
    assert weight.tolist() == [law.value] * 5


@pytest.mark.parametrize(
    ("scheme", "shape"),
    [("eye", (40, 24)), ("dirac", (40, 24, 3)), ("sparse(0.01)", (40, 24))],
)
def test_a_placed_scheme_s_call_sets_what_its_law_tells(scheme, shape):
    torch.manual_seed(7)
    weight = torch.empty(shape)
    called(BY_ID[scheme], weight)
    law = drawn(BY_ID[scheme], shape)
    drawn_ones = weight[weight != 0] if scheme.startswith("sparse") else weight
    # Of 864 normals, the std is off by 1/√(2·864) = 2.4 %: five of them.
    tolerance = 0.12 if scheme.startswith("sparse") else 1e-6
    assert drawn_ones.std(correction=0).item() == pytest.approx(law.std, rel=tolerance)


def test_a_gain_set_by_data_is_divided_out_of_the_derivation():
    steps = derivation(BY_ID["lsuv"], fan_in=160, fan_out=96)
    assert [(s.symbol, s.value) for s in steps] == [("Σw²/g²", 96), ("std/g", 160**-0.5)]


@pytest.mark.parametrize("scheme", [s for s in CATALOGUE if not s.any_gain], ids=lambda s: s.id)
def test_a_derivation_ends_in_the_law_s_own_numbers(scheme):
    shape = (96,) if scheme.id == "constant(-ln classes)" else (96, 160)
    shape = (96, 160, 1) if scheme.law == "dirac" else shape
    found = derivation(scheme, fan_in=160, fan_out=96, site=SITE)
    steps = {s.symbol: s.value for s in found}
    law = distribution(scheme, fans=fans((96, 160)), shape=shape, site=SITE)
    if isinstance(law, Constant):
        assert found[-1].value == law.value
        return
    assert steps["std"] == pytest.approx(law.std, rel=1e-12)
    if law.bound is not None and not isinstance(law, Orthogonal):
        assert steps["bound"] == pytest.approx(law.bound, rel=1e-12)


def test_scheme_ids_are_unique():
    assert len(BY_ID) == len(CATALOGUE)


def test_the_promised_ids_are_there():
    assert {
        "torch_default",
        "xavier_uniform(gain=1)",
        "kaiming_normal(fan_out,relu)",
        "normal(0.02)",
        "truncated_normal(0.02,±2σ)",
        "orthogonal(gain=1.414)",
        "zeros",
        "ones",
        "keras.glorot_uniform",
        "jax.lecun_normal",
    } <= set(BY_ID)


def test_equal_laws_are_one_line_with_the_reason():
    laws = laws_at(shape=(512, 512), fans=fans((512, 512)), default=None)
    line = next(law for law in laws if "xavier_uniform(gain=1)" in law.ids)
    assert "lecun_uniform" in line.ids
    assert line.why_same == "because fan_in = fan_out"


def test_unequal_fans_part_xavier_from_lecun():
    laws = laws_at(shape=(512, 300), fans=fans((512, 300)), default=None)
    line = next(law for law in laws if "xavier_uniform(gain=1)" in law.ids)
    assert "lecun_uniform" not in line.ids


def test_every_scheme_is_on_exactly_one_line():
    laws = laws_at(shape=(512, 300), fans=fans((512, 300)), default=None, site=SITE)
    ids = [i for law in laws for i in law.ids]
    elsewhere = {"torch_default", "constant(-ln classes)", "dirac"}
    assert sorted(ids) == sorted(set(BY_ID) - elsewhere)


@pytest.mark.parametrize("part", sorted(EVERYWHERE))
def test_no_part_of_a_model_has_more_than_80_candidates(part):
    site = Site(parts=frozenset({part, "linear"}), **NUMBERS)
    laws = laws_at(shape=(512, 300), fans=fans((512, 300)), default=None, site=site)
    assert len([law for law in laws if not isinstance(law.distribution, Constant)]) <= 80


def test_a_scheme_of_one_part_is_no_candidate_elsewhere():
    laws = laws_at(shape=(512, 300), fans=fans((512, 300)), default=None, site=Site(layers=12))
    assert not [law for law in laws if "depth_scaled(0.02,2·layers)" in law.ids]


def test_a_scheme_that_needs_the_depth_is_left_out_where_it_is_unknown():
    site = Site(parts=frozenset({"residual"}))
    laws = laws_at(shape=(512, 300), fans=fans((512, 300)), default=None, site=site)
    assert not [law for law in laws if "depth_scaled(0.02,2·layers)" in law.ids]


def test_depth_scaling_uses_the_model_s_own_depth():
    law = drawn(BY_ID["depth_scaled(0.02,2·layers)"], (64, 64))
    assert law.std == pytest.approx(0.02 / math.sqrt(2 * 12), rel=1e-12)


def test_adding_one_record_makes_a_candidate():
    record = Scheme(
        id="normal(0.0123)", name="Normal 0.0123", law="normal", formula="N(0, 0.0123)",
        call="nn.init.normal_(w, std=0.0123)", scale=0.0123,
    )  # fmt: skip
    shape = (48, 80)
    laws_at(shape=shape, fans=fans(shape), default=None)
    catalogue.add(record)
    try:
        laws = laws_at(shape=shape, fans=fans(shape), default=None)
        assert [law for law in laws if law.ids == ("normal(0.0123)",)]
        assert [step.value for step in derivation(record, fan_in=80, fan_out=48)] == [0.0123]
    finally:
        catalogue.BY_ID.pop(record.id)
        catalogue.ORDER.pop(record.id)


def test_a_scheme_is_not_added_twice():
    with pytest.raises(ValueError, match="torch_default"):
        catalogue.add(BY_ID["torch_default"])


def test_relu_and_leaky_relu_are_two_laws():
    laws = laws_at(shape=(64, 64), fans=fans((64, 64)), default=None)
    line = next(law for law in laws if "kaiming_normal(fan_in,relu)" in law.ids)
    assert "kaiming_normal(fan_in,leaky_relu=0.01)" not in line.ids


def test_without_fans_only_fixed_scales_are_left():
    laws = laws_at(shape=(512,), fans=None, default=None)
    assert all(BY_ID[i].fan == "none" and BY_ID[i].law != "orthogonal" for w in laws for i in w.ids)


def test_jax_s_lecun_normal_keeps_its_std_after_the_cut():
    law = drawn(BY_ID["jax.lecun_normal"], (100, 300))
    assert isinstance(law, TruncatedNormal)
    assert law.std == pytest.approx(math.sqrt(1 / 300), rel=1e-12)
    assert law.bound / law.std == pytest.approx(2.2737, abs=5e-5)  # 2/0.87962566, four decimals


@pytest.mark.parametrize("shape", [(5, 3), (8, 3, 5, 7), (1, 1, 64), (4, 2, 3, 3, 3)])
def test_fans_are_torch_s(shape):
    theirs = nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert (fans(shape).fan_in, fans(shape).fan_out) == theirs


def test_a_vector_has_no_fans():
    with pytest.raises(ValueError, match=re.escape("(10,)")):
        fans((10,))


def test_a_weight_stored_as_in_out_has_its_fans_swapped():
    assert stored_transposed((768, 2304)) == Fans(fan_in=768, fan_out=2304)


@pytest.mark.parametrize("name", [a.name for a in ACTIVATIONS] + ["conv2d", "conv_transpose1d"])
def test_gains_are_torch_s(name):
    assert gain(name) == pytest.approx(nn.init.calculate_gain(name), rel=1e-15)


@pytest.mark.parametrize("slope", [0.0, 0.2, math.sqrt(5)])
def test_the_leaky_gain_is_torch_s_at_every_slope(slope):
    assert gain("leaky_relu", slope) == nn.init.calculate_gain("leaky_relu", slope)


def test_an_activation_without_a_gain_is_refused():
    with pytest.raises(ValueError, match="gelu"):
        gain("gelu")


def test_relu_s_gain_keeps_the_energy_of_a_normal_signal():
    x = np.random.default_rng(0).normal(size=1_000_000)
    kept = gain("relu") ** 2 * np.mean(np.maximum(x, 0) ** 2)
    # Var of max(x,0)²·2 is 4·(3/2 - 1/4) = 5: std of the mean √(5/1e6) = 2.2e-3; five of them.
    assert kept == pytest.approx(1.0, abs=0.0112)


def test_blocks_that_no_law_depends_on_share_their_laws():
    places = [Site(parts=frozenset({"linear", "branch"}), layers=12, place=n) for n in (1, 7)]
    first, other = (
        laws_at(shape=(96, 64), fans=fans((96, 64)), default=None, site=p) for p in places
    )
    assert first is other


def test_blocks_that_a_law_depends_on_have_laws_of_their_own():
    places = [Site(parts=frozenset({"linear", "residual"}), layers=12, place=n) for n in (1, 8)]
    stds = []
    for place in places:
        laws = laws_at(shape=(96, 64), fans=fans((96, 64)), default=None, site=place)
        stds += [law.distribution.std for law in laws if "timm.fix_init(0.02)" in law.ids]
    assert stds == [pytest.approx(0.02 / math.sqrt(2)), pytest.approx(0.02 / 4)]
