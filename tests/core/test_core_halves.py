import pytest
import torch

from tests.torch_checkpoints import judged, stored


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(8)


def remarks(values):
    return judged(stored({"weight": values})).reports[0].remarks


@pytest.mark.parametrize(("top", "call"), [(1.0, "nn.init.uniform_"), (0.01, "jax.nn")])
def test_a_uniform_without_bounds_is_told_by_its_call(top, call):
    assert [r for r in remarks(torch.rand(64, 64) * top) if call in r]


@pytest.mark.parametrize(
    "values", [torch.rand(64, 64) - 0.5, torch.rand(64, 64) ** 2, torch.rand(64, 64) * 0.7]
)
def test_other_values_are_not(values):
    assert not [r for r in remarks(values) if "Flat between 0" in r]
