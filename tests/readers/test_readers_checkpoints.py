"""Honest files that torch writes: names, groups, places, modules."""

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch
from opened_uploads import Upload

from app.errors import NotACheckpoint
from app.readers.checkpoints import open_checkpoint, value_dtype
from tests.corpus.archives import FOUR, entry, legacy, safetensors, torch_zip
from tests.corpus.pickling import dict_, integer, pickled, tensor, text, tuple_

DTYPES = [
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64),
    *(torch.complex128, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8),
    *(torch.uint16, torch.uint32, torch.uint64, torch.bool, torch.float8_e4m3fn),
    *(torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu),
]


def _bytes(value):
    return value.contiguous().view(torch.uint8).numpy().tobytes()


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_each_dtype_is_read_byte_for_byte(saved, dtype, zipped):
    original = (torch.arange(24) % 7).to(dtype).reshape(2, 3, 4)
    file = saved({"w": original}, _use_new_zipfile_serialization=zipped)
    assert file["w"].dtype == str(dtype).removeprefix("torch.")
    assert file.values("w").tobytes() == _bytes(original)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_each_pickle_protocol_is_read(saved, protocol):
    file = saved(OrderedDict(w=torch.ones(3)), pickle_protocol=protocol)
    assert file.values("w").tolist() == [1, 1, 1]


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_views_keep_their_strides_and_place(saved, zipped):
    base = torch.arange(24.0).reshape(4, 6)
    views = {"base": base, "t": base.T, "slice": base[1:3, ::2], "row": base[2].expand(5, 6)}
    file = saved(views, _use_new_zipfile_serialization=zipped)
    for name, view in views.items():
        assert np.array_equal(file.values(name), view.numpy())


def test_a_legacy_view_record_is_read(upload):
    view = tuple_(text("9"), integer(1), integer(3))
    file = upload(legacy(dict_({"w": tensor(shape=(2,), first=1, view=view)})))
    assert file.values("w").tolist() == [3, 4]


def test_a_zip_without_byteorder_is_read_as_little_endian(upload):
    file = upload(torch_zip(pickled(dict_({"w": tensor()})), byteorder=None))
    assert file.values("w").tolist() == [1, 2, 3, 4]


def test_a_small_deflated_pickle_is_read(upload):
    raw = torch_zip(pickled(dict_({"w": tensor()})), deflated=("archive/data.pkl",))
    assert upload(raw).values("w").tolist() == [1, 2, 3, 4]


def test_empty_and_scalar_tensors_are_read(saved):
    file = saved({"none": torch.empty(0, 3), "one": torch.tensor(7.0)})
    assert (file.values("none").shape, file.values("one").shape) == ((0, 3), ())


def test_tied_tensors_are_aliases(saved):
    weight = torch.ones(2, 2)
    file = saved({"a": weight, "other": torch.ones(2), "b": weight, "c": weight.T})
    assert [t.alias_of for t in file.tensors] == [None, None, 0, None]


def test_parameters_are_told_from_plain_tensors(saved):
    file = saved({"p": torch.nn.Parameter(torch.ones(2)), "t": torch.ones(2)})
    assert [t.parameter for t in file.tensors] == [True, None]


def test_the_model_is_found_beside_its_training_state(saved):
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    file = saved(
        {"epoch": 3, "state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}
    )
    assert [t.name for t in file.tensors if t.group == ""] == ["weight", "bias"]
    assert file.groups["state.0.exp_avg"] == "optimizer"
    assert file.checkpoint.notes == ("Read from the key 'state_dict'.",)
    assert file.checkpoint.metadata["epoch"] == "3"


def test_a_random_state_beside_the_model_is_its_own_group(saved):
    file = saved({"rng_state": torch.get_rng_state(), "model": {"fc.weight": torch.ones(2, 2)}})
    assert file.groups == {"rng_state": "rng_state", "fc.weight": ""}


def test_nested_state_dicts_keep_their_path(saved):
    file = saved({"encoder": {"weight": torch.ones(2)}, "decoder": {"weight": torch.ones(2)}})
    assert file.names == ["encoder.weight", "decoder.weight"]
    assert set(file.groups.values()) == {""}


def test_prefixes_are_left_to_the_reader_of_names(saved):
    assert saved({"module.fc.weight": torch.ones(2)}).names == ["module.fc.weight"]


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_whole_module_gives_names_classes_and_attributes(saved, zipped):
    model = torch.nn.Sequential(
        OrderedDict(
            conv=torch.nn.Conv2d(6, 8, (3, 5), groups=2, padding="same"),
            norm=torch.nn.BatchNorm2d(8),
            attention=torch.nn.MultiheadAttention(8, 2, kdim=4),
        )
    )
    file = saved(model, _use_new_zipfile_serialization=zipped)
    modules = {module.path: module for module in file.checkpoint.modules}
    assert set(file.names) == set(model.state_dict())
    assert modules["conv"].class_name == "torch.nn.modules.conv.Conv2d"
    assert modules["conv"].attributes["kernel_size"] == (3, 5)
    assert modules["conv"].attributes["groups"] == 2
    assert modules["attention"].attributes["kdim"] == 4
    assert modules["attention.out_proj"].class_name.endswith("NonDynamicallyQuantizableLinear")
    assert {n: file[n].parameter for n in ("conv.weight", "norm.running_mean")} == {
        "conv.weight": True,
        "norm.running_mean": False,
    }


def test_modules_of_a_nested_whole_model_are_named_from_its_root(saved):
    file = saved({"model": torch.nn.Sequential(torch.nn.Linear(2, 2)), "epoch": 1})
    assert [m.path for m in file.checkpoint.modules] == ["", "0"]
    assert file.names == ["0.weight", "0.bias"]


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_torch_script_archive_gives_classes_and_no_code(tmp_path):
    path = tmp_path / "script.pt"
    traced = torch.jit.trace(torch.nn.Sequential(torch.nn.Linear(3, 4)), torch.ones(1, 3))
    torch.jit.save(traced, str(path))
    file = Upload(tmp_path, path.read_bytes())
    assert file.names == ["0.weight", "0.bias"]
    assert file.checkpoint.modules[1].class_name == "torch.nn.modules.linear.Linear"
    assert "its code was not read" in file.checkpoint.notes[0]


def test_sparse_tensors_are_listed_in_their_pieces(saved):
    file = saved({"s": torch.eye(3).to_sparse()})
    assert file.names == ["s.indices", "s.values"]
    assert file["s.values"].note == "values of a sparse tensor"


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_compressed_sparse_tensors_are_listed_in_their_pieces(saved):
    assert saved({"s": torch.eye(3).to_sparse_csr()}).names == [
        "s.crow_indices",
        "s.col_indices",
        "s.values",
    ]


def test_complex_values_come_as_their_two_parts(saved):
    file = saved({"z": torch.tensor([1 + 2j, 3 - 4j])})
    assert file.values("z").tolist() == [[1, 2], [3, -4]]
    assert value_dtype(file["z"]) == "float32"


def test_a_conjugate_view_is_noted(saved):
    assert saved({"z": torch.tensor([1 + 2j]).conj()})["z"].note == "stored conjugated or negated"


class Call:
    """Pickles as a call of `function`, as an attacker's file does."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    ("call", "name"),
    [(Call(os.system, "exit 1"), "system"), (Call(eval, "1 / 0"), "eval")],
    ids=["system", "eval"],
)
def test_code_that_a_pickle_asks_for_is_told(saved, call, name, zipped):
    file = saved({"w": torch.ones(3), "e": call}, _use_new_zipfile_serialization=zipped)
    assert [note for note in file.checkpoint.notes if f".{name}. Nothing of it was" in note]


@pytest.mark.parametrize(
    "held",
    [torch.nn.Linear(2, 2), {"w": torch.ones(3), "n": np.ones(3), "s": {1}, "r": slice(3)}],
    ids=["module", "values"],
)
def test_an_honest_file_has_no_such_note(saved, held):
    assert saved(held).checkpoint.notes == ()


def test_a_bare_tensor_has_a_name(saved):
    assert saved(torch.ones(3)).names == ["tensor"]


def test_a_list_of_tensors_is_numbered(saved):
    assert saved([torch.ones(1), torch.ones(2)]).names == ["0", "1"]


def test_meta_tensors_hold_nothing_to_read(saved):
    assert saved({"m": torch.empty(3, device="meta"), "w": torch.ones(2)}).names == ["w"]


def test_bytes_after_a_legacy_stream_are_noted(upload):
    file = upload(legacy(dict_({"w": tensor()})) + b"tail")
    assert file.checkpoint.notes == ("4 bytes after the last storage were not read.",)


def test_safetensors_come_in_the_order_of_their_bytes(upload):
    header = {"b": entry([2], 8, 16), "a": entry([2], 0, 8), "__metadata__": {"format": "pt"}}
    file = upload(safetensors(header, FOUR))
    assert [(t.name, file.values(t.name).tolist()) for t in file.tensors] == [
        ("a", [1, 2]),
        ("b", [3, 4]),
    ]
    assert file.checkpoint.metadata == {"format": "pt"}


def test_twenty_thousand_tensors_are_read(saved):
    one = torch.ones(20_000, 2)
    file = saved({f"layer.{n}.weight": row for n, row in enumerate(one)})
    assert len(file.tensors) == 20_000


def test_an_unrelated_pickle_of_an_object_is_not_torch(tmp_path):
    path = tmp_path / "upload"
    path.write_bytes(pickle.dumps({"w": [1.0]}, protocol=4))
    with path.open("rb") as file, pytest.raises(Exception, match="bare pickle"):
        open_checkpoint(file.fileno())


def test_a_folder_is_refused(tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(NotACheckpoint, match="not a regular file"):
        open_checkpoint(folder)
    os.close(folder)


@pytest.mark.parametrize("length", [0x0280, 0x0480, 0x1F8B, 0x4D5A])
def test_a_safetensors_header_may_be_as_long_as_another_formats_magic(upload, length):
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(length)
    content = length.to_bytes(8, "little") + header + bytes(4)
    assert upload(content).checkpoint.format == "safetensors"
