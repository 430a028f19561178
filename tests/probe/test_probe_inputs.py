"""What the network is given: laws, tokens, masks, and the rows of a person's file."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from app.core.graph import Input
from app.core.propagation import Order
from app.errors import Invalid, NotAnInput
from app.probe import inputs
from app.probe.interpreter import Setting
from tests.hand_graphs import mlp

CPU = Setting(device=torch.device("cpu"), dtype=torch.float32, training=True)


def given(*, law="normal", replica=0, seed=0, setting=CPU, **told):
    network = mlp(1, 8)
    if told:
        network = replace(network, inputs=(replace(network.inputs[0], **told),))
    order = Order(input=law)
    return inputs.drawn(network, order, setting, replica=replica, size=4096, seed=seed)["x"]


def test_normal_inputs_have_mean_0_and_std_1():
    x = given()
    # 32,768 values: the mean is known to 1/√n = 0.6 %, the std to 0.4 %. Four of these.
    assert float(x.mean()) == pytest.approx(0, abs=0.022)
    assert float(x.std()) == pytest.approx(1, abs=0.016)


def test_uniform_inputs_are_those_of_torch_rand():
    x = given(law="uniform01")
    assert 0 <= float(x.min()) < 0.01 < 0.99 < float(x.max()) < 1


def test_replicas_and_seeds_have_inputs_of_their_own():
    found = [given(), given(replica=1), given(seed=1)]
    assert not any(torch.equal(a, b) for a, b in zip(found, found[1:] + found[:1], strict=True))
    assert torch.equal(given(), found[0])


def test_tokens_are_whole_numbers_below_their_end():
    ids = given(draw="tokens", dtype="int64", high=7, shape=(2, 3))
    assert (ids.dtype, ids.shape) == (torch.int64, (4096, 3))
    assert sorted(set(ids.flatten().tolist())) == list(range(7))


def test_a_mask_is_all_ones():
    assert given(draw="mask", dtype="bool", shape=(2, 3)).all()


def test_floating_inputs_have_the_runs_dtype():
    half = replace(CPU, dtype=torch.float16)
    assert given(setting=half).dtype == torch.float16


@pytest.mark.parametrize(
    ("shape", "size"), [((2, 8), (5, 8)), ((7, 2, 8), (7, 5, 8)), ((8,), (8,))]
)
def test_the_batch_is_the_first_axis_of_its_size(shape, size):
    network = mlp(1, 8)
    each = Input(name="x", shape=shape, dtype="float32", draw="real")
    assert inputs.shape_of(each, network, 5) == size


def test_a_files_rows_are_divided_over_the_replicas():
    network = mlp(1, 8)
    rows = np.arange(48, dtype=np.float64).reshape(6, 8)
    share = inputs.replicas(network, 64, given=len(rows))
    parts = [
        inputs.from_file(rows, network, CPU, replica=r, size=share.size) for r in range(share.count)
    ]
    assert torch.cat(parts).tolist() == rows.tolist()


def test_a_file_of_one_input_is_refused():
    with pytest.raises(NotAnInput, match="at least 2 inputs"):
        inputs.replicas(mlp(1, 8), 64, given=1)


def test_a_batch_below_1_is_refused():
    with pytest.raises(Invalid, match="at least 1"):
        inputs.replicas(mlp(1, 8), 0)


def test_a_fixed_batch_takes_as_many_pairs_as_it_needs():
    network = replace(mlp(1, 8), fixed_batch=True)
    assert list(inputs.replicas(network, 7).pairs) == [(0, 1), (2, 3)]
