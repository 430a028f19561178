from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from safetensors.torch import save

from app.errors import Malformed, NotAnInput, Truncated
from app.readers.batches import read_batch
from app.readers.mapped import Mapped, values

ROWS = np.arange(24, dtype=np.float32).reshape(4, 6)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.fixture
def read(tmp_path):
    """The batch in a file of these bytes, and its values."""

    def reading(content: bytes):
        path = tmp_path / "batch"
        path.write_bytes(content)
        with path.open("rb") as file, Mapped(file.fileno()) as mapped:
            found = read_batch(mapped)
            return found, np.array(values(mapped, found))

    return reading


@pytest.mark.parametrize(
    "dtype",
    ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"],
)
def test_a_npy_file_is_read_as_numpy_reads_it(read, dtype):
    rows = ROWS.astype(dtype)
    found, shown = read(npy(rows))
    assert (found.dtype, found.shape) == (dtype, (4, 6))
    assert np.array_equal(shown, rows)


def test_one_that_lies_by_columns_is_the_same_array(read):
    assert np.array_equal(read(npy(np.asfortranarray(ROWS)))[1], ROWS)


def test_the_second_version_of_the_header_is_read(read):
    file = io.BytesIO()
    np.lib.format.write_array(file, ROWS, version=(2, 0))
    assert np.array_equal(read(file.getvalue())[1], ROWS)


def test_the_one_tensor_of_a_safetensors_file_is_the_batch(read):
    found, shown = read(save({"x": torch.from_numpy(ROWS)}))
    assert (found.name, shown.shape) == ("x", (4, 6))


def test_of_several_tensors_the_one_named_input_is(read):
    several = {"a": torch.zeros(2), "input": torch.from_numpy(ROWS), "z": torch.zeros(3)}
    assert np.array_equal(read(save(several))[1], ROWS)


def test_several_tensors_without_that_name_are_refused(read):
    with pytest.raises(NotAnInput, match="named input, got 2 tensors"):
        read(save({"a": torch.zeros(2), "b": torch.zeros(2)}))


class Hostile:
    """Would run if it were unpickled."""

    def __reduce__(self):
        return print, ("ran",)


def test_pickled_objects_are_refused_and_not_run(read, capsys):
    with pytest.raises(NotAnInput, match="little-endian numbers"):
        read(npy(np.array([Hostile(), Hostile()], dtype=object)))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "array",
    [
        ROWS.astype(">f4"),
        ROWS.astype(np.complex64),
        np.array(["text"]),
        np.zeros(2, dtype=[("a", "f4")]),
        np.zeros(2, dtype="M8[s]"),
    ],
)
def test_what_is_no_little_endian_number_is_refused(read, array):
    with pytest.raises(NotAnInput, match="little-endian numbers"):
        read(npy(array))


def test_a_file_that_ends_too_early_is_refused(read):
    with pytest.raises(Truncated, match="ends too early"):
        read(npy(ROWS)[:-4])


HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%b,), }"


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"(" * 9000,
        b"__import__('os').system('true')",
        HEADER % b"-1",
        HEADER % b"1.5",
        HEADER % (b"9" * 4000),
        b"{'descr': ['<f4'] * 9, 'fortran_order': False, 'shape': (1,), }",
    ],
)
def test_a_header_that_makes_no_sense_is_refused(read, header):
    text = header.ljust(100) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64)
    with pytest.raises((NotAnInput, Truncated)):
        read(content)


def test_a_version_that_is_not_known_is_refused(read):
    with pytest.raises(NotAnInput, match="header"):
        read(b"\x93NUMPY\x09\x00" + bytes(100))


def test_a_broken_safetensors_file_is_refused(read):
    with pytest.raises(Malformed):
        read((2).to_bytes(8, "little") + b"{{" + bytes(8))


def test_any_other_file_is_refused(read):
    with pytest.raises(NotAnInput, match="another kind of file"):
        read(b"PK\x03\x04" + bytes(100))
