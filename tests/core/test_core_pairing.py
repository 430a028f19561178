from __future__ import annotations

from app.core.checkpoint import StoredTensor
from app.core.pairing import paired


def tensors(*names: str, shape=(2, 2), group="", shapes=None) -> list[StoredTensor]:
    return [
        StoredTensor(
            index=index,
            name=name,
            group=group,
            dtype="float32",
            shape=(shapes or {}).get(name, shape),
            strides=(1,) * len(shape),
            offset=0,
        )
        for index, name in enumerate(names)
    ]


def test_same_names_are_joined_whatever_their_order():
    found = paired(tensors("a.weight", "b.weight"), tensors("b.weight", "a.weight"))
    assert found.pairs == ((0, 1), (1, 0))
    assert (found.missing, found.added, found.by_order) == ((), (), False)


def test_a_prefix_of_one_file_is_taken_off():
    found = paired(tensors("a.weight", "b.bias"), tensors("module.a.weight", "module.b.bias"))
    assert found.pairs == ((0, 0), (1, 1))
    assert found.prefixes == ("", "module.")


def test_a_prefix_of_each_file_is_taken_off():
    old = tensors("model.a.weight", "model.b.bias", "model.c.bias")
    new = tensors("net.a.weight", "net.b.bias", "net.d.gain")
    found = paired(old, new)
    assert found.pairs == ((0, 0), (1, 1))
    assert found.prefixes == ("model.", "net.")


def test_what_only_one_file_has_is_told():
    found = paired(tensors("a.weight", "b.weight", "x.bias"), tensors("a.weight", "c.weight"))
    assert (found.pairs, found.missing, found.added) == (((0, 0),), (1, 2), (1,))


def test_another_shape_is_told_and_not_compared():
    found = paired(tensors("a.weight"), tensors("a.weight", shapes={"a.weight": (3, 3)}))
    assert (found.pairs, found.differing) == ((), ((0, 0),))


def test_other_names_in_the_same_order_are_joined_by_it():
    found = paired(tensors("0.weight", "1.bias"), tensors("first.weight", "second.bias"))
    assert found.pairs == ((0, 0), (1, 1))
    assert found.by_order


def test_the_order_does_not_overrule_a_name():
    found = paired(tensors("a.weight", "b.weight"), tensors("b.weight", "c.weight"))
    assert found.pairs == ((1, 0),)
    assert not found.by_order


def test_the_optimizers_tensors_are_left_out():
    old = [*tensors("a.weight"), *tensors("state.0", group="optimizer")]
    assert paired(old, tensors("a.weight")).left_out == 1


def test_a_name_that_repeats_is_joined_once():
    found = paired(tensors("a", "a"), tensors("a"))
    assert (found.pairs, found.missing) == (((0, 0),), (1,))


def test_nothing_in_common_leaves_everything_alone():
    found = paired(tensors("a.weight"), tensors("b.bias", "c.bias"))
    assert (found.pairs, found.missing, found.added) == ((), (0,), (0, 1))
    assert found.prefixes == ("", "")
