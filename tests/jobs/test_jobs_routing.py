from __future__ import annotations

import pytest

from app.architecture.understanding import understand
from app.core.checkpoint import StoredTensor
from app.core.plans import Plan
from app.core.propagation import Order
from app.jobs.parcels import Portion
from app.jobs.routing import holds_large, misses_gpu, multiply_adds, queue_of, series_of

ONE = Order(schemes=("torch_default",), seeds=1, batch=2)


def work(text: str, order: Order = ONE) -> float:
    return multiply_adds(understand(text), order)


def test_a_linear_layer_takes_a_product_for_each_weight_and_input():
    assert work("input: [32]\nlayers: [Linear(32, 8)]") == 3 * 2 * 32 * 8


def test_a_convolution_takes_its_weight_at_every_place():
    text = "input: [4, 16, 16]\nlayers: [Conv2d(4, 8, 3, padding=1, bias=False)]"
    assert work(text) == 3 * 2 * (8 * 16 * 16) * (4 * 9)


def test_attention_takes_more_the_longer_the_text():
    text = "input: {{tokens: {n}, vocabulary: 8}}\nlayers: [Embedding(8, 8), {layer}]"
    layer = "TransformerEncoderLayer(8, 2, 16, batch_first=True)"
    short, long = (work(text.format(n=n, layer=layer)) for n in (64, 1024))
    assert long > 16 * 4 * short


@pytest.mark.parametrize(
    "order",
    [
        Order(schemes=("torch_default",), seeds=6, batch=2),
        Order(schemes=("torch_default",), seeds=1, batch=12),
        Order(schemes=("torch_default", "zeros", "ones"), seeds=2, batch=2),
    ],
)
def test_work_grows_with_seeds_batch_and_schemes(order):
    text = "input: [32]\nlayers: [Linear(32, 8)]"
    assert work(text, order) == 6 * work(text)


def test_a_lookup_is_no_work():
    assert work("input: {tokens: 4, vocabulary: 999}\nlayers: [Embedding(999, 8)]") == 0


@pytest.mark.parametrize(
    ("device", "work_", "alive", "queue"),
    [
        ("auto", 2, True, "gpu"),
        ("auto", 0, True, "cpu"),
        ("auto", 2, False, "cpu"),
        ("cpu", 2, True, "cpu"),
        ("cuda", 0, True, "gpu"),
        ("cuda", 2, False, "cpu"),
    ],
)
def test_where_a_measurement_goes(device, work_, alive, queue):
    order = Order(device=device)
    assert queue_of(work_, order, least=1, gpu_alive=alive) == queue


@pytest.mark.parametrize(
    ("device", "work_", "missed"),
    [("auto", 2, True), ("auto", 0, False), ("cpu", 2, False), ("cuda", 0, True)],
)
def test_what_was_meant_for_a_gpu_is_told(device, work_, missed):
    assert misses_gpu(work_, Order(device=device), least=1) is missed


def test_the_given_weights_come_first():
    assert series_of(Order(schemes=("zeros",), checkpoint=True)) == ("checkpoint", "zeros")


def test_a_plan_is_the_last_series_and_work_of_its_own():
    plain, planned = Order(seeds=4), Order(seeds=4, plan=Plan())
    assert series_of(planned) == ("torch_default", "plan")
    text = "input: [32]\nlayers: [Linear(32, 8)]"
    assert work(text, planned) == 2 * work(text, plain)


def portion(*sizes: int, stride: int = 8) -> Portion:
    tensors = tuple(
        StoredTensor(
            index=index,
            name="",
            group="",
            dtype="bfloat16",
            shape=(size, 8),
            strides=(stride, 1),
            offset=0,
        )
        for index, size in enumerate(sizes)
    )
    return Portion(tensors=tensors, facts=(), alpha=0.001)


@pytest.mark.parametrize(
    ("sizes", "large"), [((), False), ((3, 3), False), ((3, 4), True), ((9,), True)]
)
def test_a_part_is_for_a_gpu_worker_for_the_sake_of_one_large_tensor(sizes, large):
    assert holds_large(portion(*sizes), least=4 * 8 * 2) is large


def test_what_a_tensor_repeats_makes_it_no_larger():
    assert holds_large(portion(10**9), least=8 * 2 + 1)
    assert not holds_large(portion(10**9, stride=0), least=8 * 2 + 1)
