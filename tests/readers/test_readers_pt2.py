"""Exported programs as checkpoints: raw weights of the archive, torch files of the older zip."""

import io
import json
import zipfile

import pytest
import torch
from torch import nn

from app.errors import Malformed, NoTensors, UnsupportedFormat
from app.readers.checkpoints import open_checkpoint
from app.readers.naming import describe
from tests.corpus.archives import zipped
from tests.corpus.programs import MODEL, WEIGHTS, changed, entries
from tests.exported_models import Writer, exported, program, saved
from tests.graph_running import opened, outputs, read


def _opened_as_checkpoint(raw, tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(raw)
    with upload.open("rb") as file:
        return open_checkpoint(file.fileno())


def _older(traced):
    """The zip that torch 2.1 to 2.7 wrote: the graph as JSON, the tensors as torch files."""
    parts = torch._export.serde.serialize.serialize(traced)
    return zipped(
        {
            "version": b"8.8",
            "serialized_exported_program.json": parts.exported_program,
            "serialized_state_dict.pt": parts.state_dict,
            "serialized_constants.pt": parts.constants,
            "serialized_example_inputs.pt": parts.example_inputs,
        }
    )


@pytest.mark.parametrize("name", ["resnet18", "gpt"])
def test_every_tensor_is_byte_for_byte_what_torch_saved(name):
    sample = exported(name)
    found, held = opened(sample.raw)
    state = sample.model.state_dict()
    own = [t for t in found.checkpoint.tensors if t.group == ""]
    assert {t.name for t in own} == set(state)
    assert all(torch.equal(held[t.index], state[t.name]) for t in own)


def test_an_upload_is_read_as_any_other_checkpoint(tmp_path):
    found = _opened_as_checkpoint(exported("resnet18").raw, tmp_path)
    assert (found.format, found.tensors[0].name) == ("pt2", "conv1.weight")
    assert found.metadata["torch_version"] == torch.__version__


def test_parameters_are_told_from_buffers(tmp_path):
    found = _opened_as_checkpoint(exported("resnet18").raw, tmp_path)
    told = {t.name: t.parameter for t in found.tensors}
    assert (told["bn1.weight"], told["bn1.running_mean"]) == (True, False)


def test_the_program_s_modules_confirm_the_kinds(tmp_path):
    found = _opened_as_checkpoint(exported("post_norm").raw, tmp_path)
    facts = {t.name: f for t, f in zip(found.tensors, describe(found), strict=True)}
    assert {f.kind_certainty for f in facts.values()} == {"confirmed"}
    out = facts["encoder.layers.0.self_attn.out_proj.bias"]
    assert out.enclosing == "MultiheadAttention"


def test_tied_tensors_are_aliases(tmp_path):
    found = _opened_as_checkpoint(exported("gpt").raw, tmp_path)
    tied = [t for t in found.tensors if t.name in ("wte.weight", "lm_head.weight")]
    assert sorted(t.alias_of is None for t in tied) == [False, True]


def test_constants_stand_in_a_group_of_their_own(tmp_path):
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))

        def forward(self, x):
            return x * self.weight + torch.tensor([1.0, 2.0])

    raw = saved(program(Constant(), (torch.ones(2),)))
    groups = {t.name: t.group for t in _opened_as_checkpoint(raw, tmp_path).tensors}
    assert groups == {"weight": "", "lifted_tensor_0": "constants"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_each_dtype_is_read(dtype):
    model = nn.Linear(3, 2).to(dtype)
    raw = saved(program(model, (torch.ones(1, 3, dtype=dtype),)))
    graph, held = read(raw)
    assert {p.dtype for p in graph.parameters} == {str(dtype).removeprefix("torch.")}
    if dtype is not torch.float16:
        assert torch.equal(held[0], model.weight)


def test_a_weight_keeps_its_strides():
    model = nn.Linear(3, 2, bias=False)
    model.weight = nn.Parameter(torch.arange(6.0).reshape(3, 2).T)
    with pytest.warns(UserWarning, match="No complete tensor"):
        raw = saved(program(model, (torch.ones(1, 3),)))
    assert torch.equal(opened(raw)[1][0], model.weight)


def test_a_weight_exported_without_values_is_named_in_a_note():
    held = entries(exported("mlp").raw)
    found, _ = opened(zipped(held | {"archive/data/weights/weight_0": b""}))
    assert found.checkpoint.notes == ("Exported without values: '0.weight'.",)


def test_the_older_layout_gives_the_same_graph_and_tensors():
    torch.manual_seed(0)
    model, inputs = Writer().eval(), (torch.randn(2, 4),)
    graph, held = read(_older(program(model, inputs)))
    with torch.no_grad():
        assert torch.equal(outputs(graph, held, inputs)[0], model(*inputs))


def test_the_older_layout_must_not_be_compressed():
    traced = program(nn.Linear(2, 2), (torch.ones(1, 2),))
    held = entries(_older(traced))
    with pytest.raises(Malformed, match="compressed"):
        opened(zipped(held, deflated=("serialized_state_dict.pt",)))


def test_weights_reaching_past_their_bytes_are_refused():
    def change(document):
        document["config"]["0.weight"]["tensor_meta"]["sizes"][0]["as_int"] = 9

    with pytest.raises(Malformed, match=r"'0\.weight' reaches past its 192 bytes"):
        opened(changed(exported("mlp").raw, change, entry=WEIGHTS))


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ("sizes", [{"as_int": -1}, {"as_int": 6}], "size that makes no sense"),
        ("sizes", [{"as_int": 2**60}, {"as_int": 6}], "size that makes no sense"),
        ("sizes", [{"as_expr": {"expr_str": "1+1"}}] * 2, "size that makes no sense"),
        ("strides", [{"as_int": 1}], "strides that do not fit"),
        ("strides", "x", "strides that make no sense"),
        ("dtype", 99, "dtype or layout"),
        ("layout", 1, "dtype or layout"),
    ],
)
def test_a_weight_that_makes_no_sense_is_refused(place, value, says):
    def change(document):
        document["config"]["0.weight"]["tensor_meta"][place] = value

    with pytest.raises(Malformed, match=says):
        opened(changed(exported("mlp").raw, change, entry=WEIGHTS))


@pytest.mark.parametrize("path", ["../../etc/passwd", "weight_99", 3, None])
def test_a_weight_is_found_by_name_and_never_by_path(path):
    def change(document):
        document["config"]["0.weight"]["path_name"] = path

    with pytest.raises(Malformed, match=r"'0\.weight' is missing"):
        opened(changed(exported("mlp").raw, change, entry=WEIGHTS))


def test_pickled_weights_are_named_in_a_note():
    def change(document):
        document["config"]["0.weight"]["use_pickle"] = True

    found, _ = opened(changed(exported("mlp").raw, change, entry=WEIGHTS))
    assert found.checkpoint.notes == ("Pickled, and therefore not read: '0.weight'.",)


def test_several_models_in_one_file_are_refused():
    held = entries(exported("mlp").raw)
    held |= {"archive/models/a.json": held[MODEL], "archive/models/b.json": held.pop(MODEL)}
    with pytest.raises(Malformed, match="several models"):
        opened(zipped(held))


def test_a_graph_named_twice_in_its_json_is_refused():
    held = entries(exported("mlp").raw)
    raw = held[MODEL]
    with pytest.raises(Malformed, match="twice"):
        opened(zipped(held | {MODEL: b'{"graph_module": {}, ' + raw[1:]}))


@pytest.mark.parametrize("raw", [b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a": NaN}'])
def test_a_graph_that_is_no_json_object_is_refused(raw):
    held = entries(exported("mlp").raw)
    with pytest.raises(Malformed, match="JSON"):
        opened(zipped(held | {MODEL: raw}))


def test_a_program_without_tensors_is_no_checkpoint(tmp_path):
    raw = zipped({"m/models/model.json": json.dumps({"graph_module": {}}).encode()})
    with pytest.raises(NoTensors):
        _opened_as_checkpoint(raw, tmp_path)


def test_compiled_code_alone_is_refused(tmp_path):
    with pytest.raises(UnsupportedFormat, match="AOTInductor"):
        _opened_as_checkpoint(zipped({"m/data/aotinductor/m/a.so": b"x"}), tmp_path)


def test_a_torch_file_is_still_a_torch_file(tmp_path):
    file = io.BytesIO()
    torch.save({"model.json": torch.ones(2)}, file)
    assert zipfile.is_zipfile(file)
    assert _opened_as_checkpoint(file.getvalue(), tmp_path).format == "torch zip"
