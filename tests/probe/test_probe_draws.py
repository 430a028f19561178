"""Fresh values: each law drawn from a stream of the parameter's own."""

import math

import pytest
import torch

from app.core.distributions import (
    Constant,
    Normal,
    Orthogonal,
    PositiveUniform,
    TruncatedNormal,
    Uniform,
)
from app.core.patterns import Diagonal, Sparse
from app.probe.draws import draw, stream, stream_seed

SHAPE = (256, 256)
COUNT = 256 * 256


@pytest.mark.parametrize(
    "law",
    [
        Uniform(bound=0.3),
        Normal(std=0.02),
        TruncatedNormal(parent=0.1),
        PositiveUniform(bound=2.0),
        Orthogonal(gain=2.0, rows=256, columns=256),
    ],
)
def test_a_draw_has_its_laws_spread(law):
    values = draw(law, SHAPE, stream(0, "w"))
    # A std of n values is known to √((κ-1)/4n); κ is at most 3: 0.28 %. Four of these.
    assert float(values.std()) == pytest.approx(law.std, rel=0.011)
    if law.bound is not None:
        assert float(values.abs().max()) <= law.bound * (1 + 1e-6)


def test_an_orthogonal_draw_is_orthogonal():
    values = draw(Orthogonal(gain=1.5, rows=8, columns=72), (8, 8, 3, 3), stream(0, "w"))
    rows = values.reshape(8, 72)
    torch.testing.assert_close(rows @ rows.T, 2.25 * torch.eye(8), rtol=1e-5, atol=1e-5)


def test_constants_identities_and_dirac_kernels_are_exact():
    assert set(draw(Constant(value=0.25), (3, 4), stream(0, "w")).flatten().tolist()) == {0.25}
    eye = draw(Diagonal(rows=3, columns=5), (3, 5), stream(0, "w"))
    assert torch.equal(eye, torch.eye(3, 5))
    dirac = Diagonal(rows=4, columns=36, taps=9, law="dirac")
    x = torch.rand(1, 4, 6, 6)
    kernel = draw(dirac, (4, 4, 3, 3), stream(0, "w"))
    assert torch.equal(torch.conv2d(x, kernel, padding=1), x)


def test_a_sparse_draw_has_a_tenth_of_zeros_in_every_column():
    values = draw(Sparse(std=0.01), (100, 7), stream(0, "w"))
    assert (values == 0).sum(dim=0).tolist() == [10] * 7


def test_a_stream_belongs_to_its_seed_and_name():
    names = [(0, "a"), (1, "a"), (0, "b"), (0, "a", 1)]
    assert len({stream_seed(*name) for name in names}) == len(names)
    again = draw(Normal(std=1.0), (9,), stream(0, "a"))
    assert torch.equal(again, draw(Normal(std=1.0), (9,), stream(0, "a")))


def test_a_stream_seed_is_what_torchs_generator_can_tell_apart():
    # mt19937 takes 32 bits; higher ones would be dropped without a word.
    assert all(0 <= stream_seed(seed, "w") < 2**32 for seed in range(99))


def test_draws_do_not_follow_the_default_dtype():
    plain = draw(Uniform(bound=1 / math.sqrt(3)), (5,), stream(3, "w"))
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(draw(Uniform(bound=1 / math.sqrt(3)), (5,), stream(3, "w")), plain)
    finally:
        torch.set_default_dtype(before)
