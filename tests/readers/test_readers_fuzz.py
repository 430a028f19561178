"""Thousands of damaged files: whatever is wrong, the answer is a refusal or a checkpoint."""

import io
import random
import zipfile
from collections import OrderedDict

import pytest
import torch

from app.errors import Refused
from app.readers.checkpoints import Mapped, open_checkpoint, values
from tests.corpus.archives import FOUR, entry, legacy, safetensors, zipped
from tests.corpus.hostile import HOSTILE, hostile_names
from tests.corpus.pickling import dict_, tensor

pytestmark = pytest.mark.acceptance

MUTANTS = 4000
TOKENS = [
    b"\xff" * 8,
    b"\x00" * 8,
    b"\x80\x04",
    b"PK\x05\x06",
    b"PK\x01\x02",
    b"Q",
    b"R",
    b"b",
    b"u",
]


def _saved(held, **how):
    file = io.BytesIO()
    torch.save(held, file, **how)
    return file.getvalue()


def _model():
    return torch.nn.Sequential(
        OrderedDict(lin=torch.nn.Linear(2, 2), conv=torch.nn.Conv1d(2, 2, 1), n=torch.nn.LSTM(2, 2))
    )


SEEDS = {
    "zip": lambda: _saved(_model().state_dict()),
    "zip_module": lambda: _saved(_model()),
    "zip_protocol_5": lambda: _saved({"model": _model().state_dict(), "e": 1}, pickle_protocol=5),
    "legacy": lambda: _saved(_model(), _use_new_zipfile_serialization=False),
    "legacy_small": lambda: legacy(dict_({"w": tensor()})),
    "sparse": lambda: _saved({"s": torch.eye(3).to_sparse(), "z": torch.ones(2).to(torch.uint16)}),
    "safetensors": lambda: safetensors(
        {"a": entry([2], 0, 8), "b": entry([2, 1], 8, 16), "__metadata__": {"k": "v"}}, FOUR
    ),
    "names": hostile_names,
    "text_opcodes": lambda: legacy(b"(dp0\nS'a'\np1\n(lp2\nI5\naL7L\naF1.5\nas.", {}),
    "hostile": HOSTILE["runs_getattr_chain_in_zip"].make,
}


def _mutant(raw, chance):
    """One to eight edits: flipped bits, tokens, cuts, copies and swapped stretches."""
    data = bytearray(raw)
    for _ in range(chance.randint(1, 8)):
        at, length = chance.randrange(len(data) or 1), chance.randint(1, 24)
        match chance.randrange(7):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1 if data:
                data[at] ^= 1 << chance.randrange(8)
            case 2:
                data[at : at + length] = b""
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                token = chance.choice(TOKENS)
                data[at : at + len(token)] = token
            case 5 if chance.random() < 0.2:
                del data[at:]
            case _:
                other = chance.randrange(len(data) or 1)
                data[at : at + length] = data[other : other + length]
    return bytes(data)


def _repacked(raw, chance):
    """A zip that is sound around a pickle that is not."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    pickle = next(name for name in entries if name.endswith("/data.pkl"))
    return zipped(entries | {pickle: _mutant(entries[pickle], chance)})


def _read(path):
    """Every byte that the file's tensors address, unless the file is refused."""
    with path.open("rb") as file:
        try:
            checkpoint = open_checkpoint(file.fileno())
        except Refused:
            return
        with Mapped(file.fileno()) as mapped:
            for held in checkpoint.tensors:
                values(mapped, held).tobytes()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(seed, tmp_path):
    chance, raw, path = random.Random(seed), SEEDS[seed](), tmp_path / "mutant"
    for _ in range(MUTANTS):
        path.write_bytes(_mutant(raw, chance))
        _read(path)


@pytest.mark.parametrize("seed", ["zip", "zip_module", "zip_protocol_5", "sparse", "hostile"])
def test_a_damaged_pickle_is_read_or_refused_and_nothing_else(seed, tmp_path):
    chance, raw, path = random.Random(seed), SEEDS[seed](), tmp_path / "mutant"
    for _ in range(MUTANTS):
        path.write_bytes(_repacked(raw, chance))
        _read(path)
