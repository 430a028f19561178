"""Files that are no checkpoint, or one of a format that is not read."""

from __future__ import annotations

import gzip
import io
import tarfile

from app.errors import EmptyFile, Malformed, NotACheckpoint, NoTensors, UnsupportedFormat
from tests.corpus.archives import FOUR, legacy, zipped
from tests.corpus.hostility import Hostile, in_zip
from tests.corpus.pickling import (
    call,
    dict_,
    pickled,
    tensor,
    text,
)


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo("sys_info")
        info.size = 4
        archive.addfile(info, io.BytesIO(FOUR))
    return file.getvalue()


STRANGERS: dict[str, Hostile] = {
    # What people send by mistake.
    "empty": Hostile(lambda: b"", EmptyFile),
    "text": Hostile(lambda: b"epoch 1: loss 0.3\n" * 50, NotACheckpoint, "it is text"),
    "html": Hostile(lambda: b"<!DOCTYPE html><html>Sign in</html>", NotACheckpoint, "web page"),
    "json_index": Hostile(lambda: b'{"weight_map": {"w": "a"}}' * 9, NotACheckpoint, "JSON"),
    "lfs_pointer": Hostile(
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        NotACheckpoint,
        "git lfs pull",
    ),
    "zeros": Hostile(lambda: bytes(4096), NotACheckpoint, "never finished"),
    "noise": Hostile(lambda: bytes(range(255, 0, -1)), NotACheckpoint, "ff fe fd"),
    "png": Hostile(lambda: b"\x89PNG\r\n\x1a\n" + bytes(64), NotACheckpoint, "PNG"),
    "gzip": Hostile(lambda: gzip.compress(b"weights"), NotACheckpoint, "gzip"),
    "script_in_first_bytes": Hostile(
        lambda: b"<script>alert(1)</script>", NotACheckpoint, "'<script>alert(1)"
    ),
    "bidi_in_first_bytes": Hostile("\u202e\u2066evil".encode, NotACheckpoint, "e2 80 ae"),
    # Other formats.
    "gguf": Hostile(lambda: b"GGUF" + bytes(60), UnsupportedFormat, "GGUF"),
    "hdf5": Hostile(lambda: b"\x89HDF\r\n\x1a\n" + bytes(60), UnsupportedFormat, "HDF5"),
    "npy": Hostile(lambda: b"\x93NUMPY\x01\x00" + bytes(60), UnsupportedFormat, "NumPy"),
    "npz": Hostile(lambda: zipped({"w.npy": FOUR}), UnsupportedFormat, ".npz"),
    "onnx": Hostile(lambda: b"\x08\x08\x12\x07pytorch" + bytes(60), UnsupportedFormat, "ONNX"),
    "tar": Hostile(_tar, UnsupportedFormat, "torch 0.1"),
    "keras": Hostile(lambda: zipped({"model.weights.h5": b"x"}), UnsupportedFormat, "Keras"),
    "pt2": Hostile(lambda: zipped({"m/models/model.json": b"{}"}), NoTensors, "no tensors"),
    "pt2_compiled": Hostile(
        lambda: zipped({"m/data/aotinductor/m/a.so": b"x"}), UnsupportedFormat, "compiled"
    ),
    "zip": Hostile(lambda: zipped({"holiday.txt": b"x"}), UnsupportedFormat, "zip archive"),
    "zip_without_entries": Hostile(lambda: zipped({}), UnsupportedFormat, "without entries"),
    "bare_pickle": Hostile(
        lambda: pickled(call("posix.system", text("true"))), UnsupportedFormat, "bare pickle"
    ),
    "big_endian_zip": Hostile(
        in_zip(dict_({"w": tensor()}), byteorder=b"big"), UnsupportedFormat, "big-endian"
    ),
    "odd_byteorder": Hostile(in_zip(dict_({"w": tensor()}), byteorder=b"pdp"), Malformed, "'pdp'"),
    "big_endian_legacy": Hostile(
        lambda: legacy(dict_({"w": tensor()}), little=b"\x89"), UnsupportedFormat, "big-endian"
    ),
}
