"""The table of fixed points beside the exact ones, and the diagram beside published edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from app.core.meanfield.nonlinear.nonlinearities import nonlinearity
from app.core.meanfield.plane.diagram import LEVELS, REGIONS, diagram, reach
from app.core.meanfield.plane.edge import critical_weight
from app.core.meanfield.plane.phase import fixed_point
from app.core.meanfield.plane.plane import Table, depths, table

SMOOTH = ("Tanh", "GELU", "SiLU", "ELU", "SELU", "Sigmoid", "Softplus", "Mish", "erf", "sin")

# σ_b² and σ_w² where χ₁ = 1. Source: the propagation reference's table of edges.
EDGES = [
    ("Tanh", 0.01, 1.424205),
    ("Tanh", 0.2, 2.285152),
    ("erf", 0.05, 1.375839),
    ("sin", 0.2, 1.731112),
    ("Softsign", 0.05, 3.141247),
    ("Hardtanh", 0.2, 1.410617),
    ("ELU", 0.05, 1.533718),
    ("SELU", 0.01, 0.760233),
]


@pytest.fixture(scope="module")
def layers():
    """σ_w² and σ_b² of 40 layers, from far in order to far in chaos."""
    rng = np.random.default_rng(11)
    return rng.uniform(0.2, 4.0, 40), rng.uniform(0.001, 0.3, 40) ** 2


@pytest.mark.parametrize("name", [*SMOOTH, "ReLU", "LeakyReLU", "Hardtanh"])
def test_the_table_finds_the_exact_fixed_points(name, layers):
    """A cubic through places .077 of log q apart is off by (.077)⁴·5/384 of its fourth derivative.

    That is 5e-7 of χ₁ and of E φ²; of q up to 1e-4, where it depends on them steeply. The Hermite
    series of a kinked φ ends at order 80, next to c = 1.
    """
    activation = nonlinearity(name)
    found = table(activation).settled(*layers)
    for at, (weight, bias) in enumerate(zip(*layers, strict=True)):
        exact = fixed_point(activation, weight=float(weight), bias=float(bias))
        assert math.isinf(exact.q) == np.isinf(found.q[at])
        if math.isfinite(exact.q):
            assert found.q[at] == pytest.approx(exact.q, rel=1e-4)
            assert found.chi[at] == pytest.approx(exact.chi, rel=1e-4)
        if abs(exact.chi - 1) > 0.05 and math.isfinite(exact.correlation_depth):
            assert found.correlation[at] == pytest.approx(exact.correlation, abs=1e-2)
            rates = [
                math.exp(-1 / d) for d in (found.correlation_depth[at], exact.correlation_depth)
            ]
            assert rates[0] == pytest.approx(rates[1], abs=5e-3)


def test_biases_below_the_table_keep_a_signal_of_their_own_size():
    """Small signals pass ReLU alike: q = σ_b²/(1 − σ_w²/2), whatever the size."""
    found = table(nonlinearity("GELU")).settled(np.array([1.0]), np.array([1e-10]))
    assert found.q[0] == pytest.approx(1e-10 / (1 - 0.25), rel=1e-2)


def test_without_biases_a_small_gain_leaves_nothing():
    found = table(nonlinearity("Tanh")).settled(np.array([0.5]), np.array([0.0]))
    assert (found.q[0], found.correlation[0]) == (0.0, 1.0)
    assert found.ordered[0]


def test_a_table_is_made_once():
    activation = nonlinearity("Tanh")
    assert table(activation) is table(activation)
    assert isinstance(table(activation), Table)


def test_a_depth_is_the_time_in_which_a_deviation_falls_by_e():
    found = depths(np.array([math.exp(-1 / 7), 0.0, 1.0, 1.2]))
    assert found.tolist() == [pytest.approx(7), 0.0, math.inf, math.inf]


@pytest.mark.parametrize(("name", "bias", "weight"), EDGES)
def test_the_drawn_edge_goes_through_the_published_ones(name, bias, weight):
    """Columns are 1/120 of the width apart and rows 1/60: linear between them, to 1 %."""
    activation = nonlinearity(name)
    far = reach(activation)
    points = [p for line in diagram(activation, sigma_w=far[0], sigma_b=far[1]).edge for p in line]
    across = np.interp(math.sqrt(bias), [b for _, b in points], [w for w, _ in points])
    assert across == pytest.approx(math.sqrt(weight), rel=0.01)


@pytest.mark.parametrize("name", ["Tanh", "Softsign", "SELU", "sin"])
def test_the_drawn_edge_ends_at_the_exact_one_without_biases(name):
    activation = nonlinearity(name)
    line = diagram(activation, sigma_w=2.5, sigma_b=0.5).edge[0]
    assert line[0] == (math.sqrt(critical_weight(activation, bias=0.0)), 0.0)
    assert [b for _, b in line[:2]] == [0.0, 0.5 / 60]


@pytest.mark.parametrize("name", SMOOTH)
def test_order_lies_below_the_edge_and_chaos_above(name):
    activation = nonlinearity(name)
    far = reach(activation)
    found = diagram(activation, sigma_w=far[0], sigma_b=far[1])
    for line in found.edge:
        for w, b in line[::10]:
            row = found.regions[int(np.argmin(np.abs(found.sigma_b - b)))]
            place = int(np.searchsorted(found.sigma_w, w))
            assert REGIONS[row[max(place - 2, 0)]] == "ordered"
            assert REGIONS[row[min(place + 1, row.size - 1)]] != "ordered"


def test_relus_plane_has_order_and_explosion_and_nothing_between():
    found = diagram(nonlinearity("ReLU"), sigma_w=2.5, sigma_b=0.5)
    assert set(np.unique(found.regions)) == {0, 2}
    assert found.edge == ()
    # At the table's last q, 1e4, σ_b² = 1/16 is still 6e-6 of it.
    assert found.border[0][30] == pytest.approx((math.sqrt(2), 0.25), rel=6e-6)


def test_lines_of_depth_are_where_a_difference_falls_by_e_in_so_many_layers():
    activation = nonlinearity("Tanh")
    found = diagram(activation, sigma_w=2.5, sigma_b=0.5)
    assert tuple(layers for layers, _ in found.depths) == LEVELS
    for layers, lines in found.depths:
        for line in lines:
            w, b = line[len(line) // 2]
            exact = fixed_point(activation, weight=w * w, bias=b * b)
            # One cell is 2 % of σ_w; next to the edge depth changes by its own size in it.
            assert exact.correlation_depth == pytest.approx(layers, rel=0.1)


def test_a_diagram_reaches_its_edge_and_a_networks_layers_but_not_everything():
    assert reach(nonlinearity("Sigmoid"))[0] > math.sqrt(
        critical_weight(nonlinearity("Sigmoid"), bias=0.01)
    )
    assert reach(nonlinearity("Tanh"), [(3.2, 0.8)]) == (3.75, 1.0)
    assert reach(nonlinearity("Tanh"), [(500.0, 80.0)]) == (10.0, 2.0)
