"""Hostile files: each meets its own sentence or is read inertly, and nothing in it runs."""

import functools
import os
import tempfile
from pathlib import Path

import orjson
import pytest

from app.errors import Refused
from app.readers.checkpoints import open_checkpoint
from app.readers.records import plain_text
from tests.corpus.hostile import HOSTILE, MARKER, NAMES, hostile_names, write


def _open(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return open_checkpoint(descriptor)
    finally:
        os.close(descriptor)


@functools.cache
def _outcome(name):
    """The checkpoint, or the refusal; each file is made and read once."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return _open(write(name, Path(folder)))
        except Refused as refused:
            return refused


REFUSED = [name for name, file in HOSTILE.items() if file.refusal]
READ = [name for name, file in HOSTILE.items() if not file.refusal]


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_its_own_sentence(name):
    outcome = _outcome(name)
    assert type(outcome) is HOSTILE[name].refusal
    assert HOSTILE[name].says in outcome.message


@pytest.mark.parametrize("name", REFUSED)
def test_its_sentence_is_printable_text(name):
    assert _outcome(name).message.isprintable()


@pytest.mark.parametrize("name", READ)
def test_it_is_read_without_harm(name):
    assert [tensor.name for tensor in _outcome(name).tensors] == ["w"]


@pytest.mark.parametrize("name", [name for name in HOSTILE if name.startswith("runs_")])
def test_nothing_in_it_runs(name):
    _outcome(name)
    assert not Path(MARKER).exists()


def test_what_a_pickle_would_import_is_listed():
    assert "posix.system" in _outcome("runs_global_reduce_in_zip").globals


@pytest.mark.parametrize("kind", ["torch zip", "torch legacy"])
def test_hostile_names_are_kept_as_plain_text(kind, tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(hostile_names(kind))
    names = [tensor.name for tensor in _open(upload).tensors]
    assert names == [plain_text(name) if "\ud800" not in name else names[3] for name in NAMES]


@pytest.mark.parametrize("kind", ["torch zip", "torch legacy", "safetensors"])
def test_hostile_names_survive_json(kind, tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(hostile_names(kind))
    checkpoint = _open(upload)
    assert len(orjson.loads(orjson.dumps(checkpoint))["tensors"]) == len(NAMES)
