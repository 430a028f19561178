"""How a run is cut into blocks, and the memory that each way takes."""

import pytest
import torch

from app.core.propagation import Order
from app.probe.dryrun import dry_run, size_text
from app.probe.inputs import replicas
from app.probe.segments import Costs, cheapest
from app.probe.trace import trace
from tests.hand_graphs import mlp

WIDTH, DEPTH = 64, 30
ACTIVATION = 32 * WIDTH * 4  # bytes of one replica of 32 inputs
LAYER = 4 * (WIDTH * WIDTH + WIDTH)


@pytest.fixture(scope="module")
def costs():
    network = mlp(DEPTH, WIDTH)
    traced = trace(network, dtype=torch.float32, training=True, size=32)
    return Costs(traced, operations=len(network.nodes))


def test_weights_and_activations_are_counted_to_the_byte(costs):
    assert costs.weights == DEPTH * LAYER
    assert set(costs.made) == {ACTIVATION}
    assert costs.live == [2 * ACTIVATION] * (2 * DEPTH - 1)
    assert set(costs.borders[1:-1]) == {ACTIVATION}


def test_all_at_once_where_it_fits(costs):
    need = cheapest(costs, limit=10**9, backward=True)
    assert (len(need.spans), need.resident, need.recompute) == (1, True, False)


@pytest.mark.parametrize("limit", [10**6, 5 * 10**5, 4.3 * 10**5])
def test_blocks_cover_every_operation_once_and_fit(costs, limit):
    need = cheapest(costs, limit=limit, backward=True)
    assert need.bytes <= limit
    covered = [place for span in need.spans for place in range(span.start, span.stop)]
    assert covered == list(range(costs.operations))


def test_the_forward_pass_needs_one_layer_and_its_neighbours(costs):
    need = cheapest(costs, limit=0, backward=False)
    assert need.bytes <= LAYER + 1.2 * 2 * 2 * ACTIVATION
    assert not need.resident


def test_less_than_the_least_does_not_fit(costs):
    least = cheapest(costs, limit=0, backward=True).bytes
    assert cheapest(costs, limit=least, backward=True).bytes <= least
    assert cheapest(costs, limit=least - 1, backward=True).bytes > least - 1


def test_a_batch_is_divided_over_two_replicas():
    assert replicas(mlp(1, 4), 64).size == 32
    assert replicas(mlp(1, 4), 7).inputs == 8
    assert replicas(mlp(1, 4), 1).inputs == 2


def test_the_plan_counts_the_multiply_adds_of_the_whole_batch():
    plan = dry_run(mlp(3, 16), Order(batch=64), memory_bytes=10**9)
    assert plan.multiply_adds == 3 * 64 * 16 * 16
    assert plan.weight_bytes == 3 * 4 * (16 * 16 + 16)


@pytest.mark.parametrize(
    ("count", "text"), [(12, "12 bytes"), (31.2e9, "31.2 GB"), (5e12, "5.0 TB")]
)
def test_sizes_are_told_in_the_units_of_people(count, text):
    assert size_text(int(count)) == text
