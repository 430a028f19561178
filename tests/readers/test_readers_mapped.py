"""Bytes of a file as tensors: never any that are not its own."""

import pytest
import torch

from app.core.checkpoint import StoredTensor
from app.errors import EmptyFile, Malformed
from app.readers.checkpoints import Mapped, values


def test_an_empty_file_cannot_be_mapped(tmp_path):
    (tmp_path / "empty").touch()
    with (tmp_path / "empty").open("rb") as file, pytest.raises(EmptyFile):
        Mapped(file.fileno())


@pytest.mark.parametrize(
    "lie",
    [
        {"offset": 10**9},
        {"offset": -4},
        {"shape": (10**6,)},
        {"shape": (2**62, 2**62), "strides": (0, 0)},
        {"strides": (2**61,)},
        {"strides": (-1,)},
        {"shape": (4, 4)},
        {"shape": (1,) * 70, "strides": (1,) * 70},
        {"dtype": "object"},
    ],
    ids=str,
)
def test_a_forged_tensor_never_reads_outside_the_file(saved, lie):
    file = saved({"w": torch.ones(4)})
    honest = {
        name: getattr(file["w"], name)
        for name in ("index", "name", "group", "dtype", "shape", "strides", "offset")
    }
    with pytest.raises(Malformed):
        values(file.mapped, StoredTensor(**(honest | lie)))


def test_advice_about_reading_ahead_is_taken_at_any_offset(saved):
    file = saved({"w": torch.ones(10_000)})
    file.mapped.will_need(file["w"].offset, 10**9)
    file.mapped.done_with(file["w"].offset, 4000)
    assert file.values("w").sum() == 10_000
