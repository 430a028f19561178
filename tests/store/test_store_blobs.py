from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.errors import EmptyFile, NotFound, StorageFull, TooLarge, UploadInterrupted
from app.store.blobs import Blobs
from app.store.facts import Received

LIMIT = 2**24


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def receive(blobs: Blobs, *chunks: bytes, limit: int = LIMIT, expected: int | None = None):
    return asyncio.run(blobs.receive(stream(*chunks), limit=limit, expected=expected))


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def files_in(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]


def test_a_body_in_many_chunks_is_kept_whole_under_its_sha256(blobs, tmp_path):
    chunks = [os.urandom(70_000) for _ in range(40)]
    whole = b"".join(chunks)
    received = receive(blobs, *chunks)
    digest = hashlib.sha256(whole).hexdigest()
    assert received == Received(sha256=digest, bytes=len(whole), path=blobs.path(digest))
    assert files_in(tmp_path) == [tmp_path / "blobs" / digest[:2] / digest]
    assert received.path.read_bytes() == whole


def test_the_address_is_the_first_half_of_the_digest(blobs):
    received = receive(blobs, b"weights")
    assert received.id("") == hashlib.sha256(b"weights").hexdigest()[:32]


def test_the_same_bytes_twice_are_one_blob(blobs, tmp_path):
    assert receive(blobs, b"we", b"ights") == receive(blobs, b"weights")
    assert len(files_in(tmp_path)) == 1


def test_two_uploads_of_the_same_bytes_at_once_both_succeed(blobs, tmp_path):
    async def both() -> list[Received]:
        body = [b"x" * 300_000 for _ in range(10)]
        return await asyncio.gather(*(blobs.receive(stream(*body), limit=LIMIT) for _ in range(4)))

    assert len(set(asyncio.run(both()))) == 1
    assert len(files_in(tmp_path)) == 1


def test_a_kept_blob_cannot_be_written(blobs):
    assert stat.S_IMODE(receive(blobs, b"weights").path.stat().st_mode) == 0o400


def test_a_body_over_the_limit_is_refused_while_it_arrives(blobs, tmp_path):
    with pytest.raises(TooLarge, match=r"limit 10 bytes"):
        receive(blobs, b"12345", b"678901", limit=10)
    assert files_in(tmp_path) == []


def test_an_announced_size_over_the_limit_is_refused_before_a_byte_is_read(blobs):
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    with pytest.raises(TooLarge):
        asyncio.run(blobs.receive(never(), limit=10, expected=11))


def test_a_body_shorter_than_announced_leaves_nothing(blobs, tmp_path):
    with pytest.raises(UploadInterrupted, match="expected 9 bytes, received 5"):
        receive(blobs, b"12345", expected=9)
    assert files_in(tmp_path) == []


def test_a_sender_that_breaks_off_leaves_nothing(blobs, tmp_path):
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2**21
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(blobs.receive(broken(), limit=LIMIT))
    assert files_in(tmp_path) == []


def test_an_empty_body_is_refused(blobs, tmp_path):
    with pytest.raises(EmptyFile):
        receive(blobs)
    assert files_in(tmp_path) == []


def test_an_upload_must_leave_the_free_space_it_was_told_to_leave(tmp_path):
    with pytest.raises(StorageFull):
        receive(Blobs(tmp_path / "blobs", min_free_bytes=2**62), b"weights")


@pytest.mark.parametrize("announced", [True, False])
def test_an_upload_may_fill_the_disk_to_the_last_byte(tmp_path, monkeypatch, announced):
    body = [b"w" * 2**20] * 5
    disk = len(b"".join(body))

    def usage(_folder):
        used = sum(path.stat().st_size for path in files_in(tmp_path))
        return shutil._ntuple_diskusage(disk, used, disk - used)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    blobs = Blobs(tmp_path / "blobs")
    assert receive(blobs, *body, expected=disk if announced else None).bytes == disk
    with pytest.raises(StorageFull, match="it needs 1 bytes, 0 bytes is free"):
        receive(blobs, b"x")


def test_an_open_blob_reads_from_its_descriptor(blobs):
    received = receive(blobs, b"weights")
    descriptor = blobs.open(received.sha256)
    try:
        assert os.pread(descriptor, 100, 0) == b"weights"
    finally:
        os.close(descriptor)


def test_a_deleted_blob_is_not_found(blobs):
    received = receive(blobs, b"weights")
    blobs.delete(received.sha256)
    blobs.delete(received.sha256)
    with pytest.raises(NotFound):
        blobs.open(received.sha256)


def test_only_leftovers_older_than_a_day_are_swept(blobs, tmp_path):
    receive(blobs, b"weights")
    old, new = (tmp_path / "blobs" / f"upload-{name}" for name in ("old", "new"))
    for leftover in (old, new):
        leftover.write_bytes(b"half")
    long_ago = time.time() - 25 * 3600
    os.utime(old, (long_ago, long_ago))
    assert blobs.sweep() == []
    assert not old.exists()
    assert new.exists()
