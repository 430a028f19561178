from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.checkpoint import Checkpoint, StoredTensor
from app.core.layers import ParameterFacts
from app.jobs.parcels import INVENTORY, TENSOR_BYTES, Inventory, split, stored_bytes
from app.store.documents import dump, load

MIB = 2**20


def stored(index: int, *, mebibytes: int = 1, alias_of: int | None = None) -> StoredTensor:
    return StoredTensor(
        index=index,
        name=str(index),
        group="",
        dtype="float32",
        shape=(mebibytes * MIB // 4,),
        strides=(1,),
        offset=0,
        alias_of=alias_of,
    )


def inventory(*tensors: StoredTensor) -> Inventory:
    facts = ParameterFacts(
        module="",
        kind="unknown",
        kind_certainty="unknown",
        role="weight",
        fan_in=None,
        fan_out=None,
        fan_certainty="unknown",
        evidence="",
        attributes={"kernel_size": (3, 3), "bias": True},
    )
    return Inventory(
        checkpoint=Checkpoint(format="torch zip", tensors=tensors),
        facts=(facts,) * len(tensors),
        alpha=0.001,
    )


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=60),
    st.integers(1, 100 * MIB),
)
def test_every_tensor_is_in_one_part_and_parts_keep_to_their_size(sizes, part_bytes):
    tensors = [stored(index, mebibytes=size) for index, size in enumerate(sizes)]
    parts = list(split(inventory(*tensors), part_bytes=part_bytes))
    assert [tensor for part in parts for tensor in part.tensors] == tensors
    for part in parts:
        assert len(part.facts) == len(part.tensors) >= 1
        if len(part.tensors) > 1:
            assert sum(map(stored_bytes, part.tensors)) <= part_bytes


def test_many_small_tensors_are_shared_out_by_their_number():
    tensors = [stored(index, mebibytes=0) for index in range(10)]
    parts = list(split(inventory(*tensors), part_bytes=4 * TENSOR_BYTES))
    assert [len(part.tensors) for part in parts] == [4, 4, 2]


def test_a_tensor_over_the_same_elements_does_not_count_again():
    tensors = [stored(0, mebibytes=30), stored(1, mebibytes=30, alias_of=0)]
    assert len(list(split(inventory(*tensors), part_bytes=40 * MIB))) == 1


def test_an_inventory_survives_json():
    known = inventory(stored(0), stored(1))
    assert load(INVENTORY, dump(known)) == known


def test_the_width_of_a_value_is_read_from_the_dtypes_name():
    assert [
        stored_bytes(StoredTensor(
            index=0, name="", group="", dtype=dtype, shape=(8,), strides=(1,), offset=0
        ))
        for dtype in ("float64", "bfloat16", "float8_e4m3fn", "complex64", "bool", "quint8")
    ] == [64, 16, 8, 64, 8, 8]  # fmt: skip
