import math

import numpy as np
import pytest
import torch
from torch import nn

from app.core.certificates import PROOF_BITS, certify, lattice_bound

BOUND = 1 / math.sqrt(300)


def seeded_layer():
    torch.manual_seed(11)
    return nn.Linear(300, 200)


def normal(shape=(300, 200), std=0.0817):
    torch.manual_seed(12)
    return torch.empty(shape).normal_(0, std)


def certified(tensor, **law):
    return certify(tensor.detach().numpy(), **law)


def test_a_default_layer_is_certified_with_its_bound():
    found = certified(seeded_layer().weight, law="uniform", bound=BOUND)
    assert found.verdict == "bit_exact_draw"
    assert found.bound == float(np.float32(BOUND))
    assert found.share == 1.0
    assert found.bits > PROOF_BITS


def test_a_bound_nobody_gave_is_found_on_the_lattice():
    torch.manual_seed(13)
    drawn = torch.empty(500).uniform_(-0.0371, 0.0371)
    assert certified(drawn, law="uniform").bound == float(np.float32(0.0371))


def test_a_bias_of_64_values_is_certified():
    torch.manual_seed(14)
    bias = nn.Linear(100, 64).bias
    assert certified(bias, law="uniform", bound=0.1).verdict == "bit_exact_draw"


def test_one_small_step_of_sgd_refutes_a_uniform_draw():
    layer = seeded_layer()
    optimiser = torch.optim.SGD(layer.parameters(), lr=1e-6)
    layer(torch.randn(32, 300)).square().mean().backward()
    optimiser.step()
    found = certified(layer.weight, law="uniform", bound=BOUND)
    assert found.verdict == "refuted"
    assert found.share < 1


def test_a_single_value_moved_to_its_neighbour_refutes_a_uniform_draw():
    weight = seeded_layer().weight.detach().numpy().copy()
    small = np.abs(weight).argmin()  # here float32 numbers lie far closer than the lattice
    weight.flat[small] = np.nextafter(weight.flat[small], np.float32(1))
    assert certify(weight, law="uniform", bound=BOUND).verdict == "refuted"


@pytest.mark.parametrize("std", [None, 0.0817])
def test_a_normal_draw_is_certified_with_and_without_its_std(std):
    assert certified(normal(), law="normal", std=std).verdict == "bit_exact_draw"


@pytest.mark.parametrize("size", [4000, 4001, 4015])
def test_the_16_values_drawn_again_do_not_disturb_a_normal_certificate(size):
    assert certified(normal((size,)), law="normal").verdict == "bit_exact_draw"


def test_a_normal_draw_is_refuted_at_another_std():
    found = certified(normal(), law="normal", std=0.0818)
    assert (found.verdict, "std" in found.reason) == ("refuted", True)


def test_a_change_of_one_in_a_hundred_thousand_refutes_a_normal_draw():
    moved = normal() + 1e-5 * 0.0817 * torch.randn(300, 200)
    assert certified(moved, law="normal", std=0.0817).verdict == "refuted"


@pytest.mark.parametrize("law", ["uniform", "normal"])
def test_a_numpy_draw_is_never_certified(law):
    chance = np.random.default_rng(0)
    values = chance.uniform(-0.1, 0.1, 4096) if law == "uniform" else chance.normal(0, 0.1, 4096)
    scale = {"bound": 0.1} if law == "uniform" else {"std": 0.1}
    assert certify(values.astype(np.float32), law=law, **scale).verdict == "refuted"


def test_a_draw_of_23_bits_as_of_jax_is_no_torch_draw():
    places = np.random.default_rng(0).integers(0, 2**23, 4096)
    values = (places * 2.0**-22 - 1).astype(np.float32) * np.float32(0.1)
    found = certify(values, law="uniform", bound=0.1)
    assert (found.verdict, "23-bit" in found.reason) == ("not_applicable", True)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_cast_to_16_bits_is_not_applicable_even_when_cast_back(dtype):
    cast = seeded_layer().weight.to(dtype).float()
    assert certified(cast, law="uniform", bound=BOUND).verdict == "not_applicable"


def test_other_dtypes_and_laws_are_not_applicable():
    weight = seeded_layer().weight.detach().numpy()
    assert certify(weight.astype(np.float64), law="uniform").verdict == "not_applicable"
    assert certify(weight, law="orthogonal").verdict == "not_applicable"


@pytest.mark.parametrize("law", ["uniform", "normal"])
def test_few_values_and_constants_are_not_applicable(law):
    assert certify(np.float32([0.1, -0.05]), law=law, bound=0.2).verdict == "not_applicable"
    assert certify(np.zeros(100, np.float32), law=law, bound=0.2).verdict == "not_applicable"


def test_random_numbers_pass_no_lattice():
    # 50 tensors of 64 values: each passes with odds of at most 2**-40.
    chance = np.random.default_rng(1)
    values = chance.uniform(-0.1, 0.1, (50, 64)).astype(np.float32)
    assert not any(lattice_bound(tensor, bounds=(0.1,)) for tensor in values)
