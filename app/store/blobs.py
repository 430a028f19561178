"""Uploads on disk, addressed by their sha256: data_dir/blobs/ab/abcdef."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterable
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from app.errors import EmptyFile, NotFound, StorageFull, TooLarge, UploadInterrupted
from app.store.facts import Received

WRITE_BYTES = 2**20  # gathered before a thread writes them: 64 KiB pieces cost more in switches
LEFTOVER_SECONDS = 24 * 3600  # no upload takes a day; what is older was interrupted
MIB = 2**20
GIB = 2**30


class Blobs:
    """The blob folder."""

    def __init__(self, folder: Path, *, min_free_bytes: int = 0) -> None:
        """The folder as it is; it is made with the first upload.

        Args:
            folder: On one local file system, so that a rename is atomic.
            min_free_bytes: Disk space that an upload must leave free.
        """
        self._folder = folder
        self._min_free_bytes = min_free_bytes

    async def receive(
        self, chunks: AsyncIterable[bytes], *, limit: int, expected: int | None = None
    ) -> Received:
        """The upload, hashed while it is written, flushed to disk and in its place.

        Args:
            chunks: The body as it arrives; never held as a whole.
            limit: Largest size in bytes.
            expected: Bytes announced by the sender, where it did.

        Raises:
            TooLarge: If the body is (or announces to be) above `limit`.
            StorageFull: If the disk has no room for it.
            UploadInterrupted: If fewer bytes came than announced.
            EmptyFile: If not one byte came.
        """
        if expected is not None:
            self._admit(expected, written=0, limit=limit)
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        upload = _Upload(self._folder / f"upload-{uuid4().hex}")
        try:
            received = await self._write(upload, chunks, limit=limit)
            if expected is not None and received.bytes != expected:
                raise UploadInterrupted(expected=expected, received=received.bytes)
            if received.bytes == 0:
                raise EmptyFile
            await asyncio.to_thread(upload.keep, self.path(received.sha256))
        except OSError as problem:
            if problem.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(needed=_size(upload.bytes), free="less") from problem
            raise
        finally:
            upload.drop()
        return received

    def path(self, sha256: str) -> Path:
        """Where these bytes lie, if they were kept."""
        return self._folder / sha256[:2] / sha256

    def open(self, sha256: str) -> int:
        """A read-only descriptor on a blob; the caller closes it.

        Raises:
            NotFound: If the blob was deleted.
        """
        try:
            return os.open(self.path(sha256), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound(what="file") from None

    def delete(self, sha256: str) -> None:
        """Remove a blob; one that is gone already is fine."""
        self.path(sha256).unlink(missing_ok=True)

    def sweep(self) -> list[str]:
        """Remove what interrupted uploads left behind more than a day ago.

        Returns:
            The sha256 of every blob older than a day, for the database to say which are orphans.
        """
        oldest = time.time() - LEFTOVER_SECONDS
        for leftover in self._folder.glob("upload-*"):
            with contextlib.suppress(FileNotFoundError):
                if leftover.stat().st_mtime < oldest:
                    leftover.unlink()
        return [
            blob.name
            for blob in self._folder.glob("[0-9a-f][0-9a-f]/*")
            if blob.stat().st_ctime < oldest
        ]

    def _admit(self, size: int, *, written: int, limit: int) -> None:
        """Refuse a body of `size` bytes, `written` of which are on the disk already."""
        if size > limit:
            raise TooLarge(what="The file", limit=_size(limit), got=_size(size))
        home = next(folder for folder in (self._folder, *self._folder.parents) if folder.exists())
        free = shutil.disk_usage(home).free
        needed = size - written + self._min_free_bytes
        if needed > free:
            raise StorageFull(needed=_size(needed), free=_size(free))

    async def _write(
        self, upload: _Upload, chunks: AsyncIterable[bytes], *, limit: int
    ) -> Received:
        waiting = bytearray()
        async for chunk in chunks:
            waiting += chunk
            if len(waiting) >= WRITE_BYTES:
                self._admit(upload.bytes + len(waiting), written=upload.bytes, limit=limit)
                await asyncio.to_thread(upload.write, bytes(waiting))
                waiting.clear()
        self._admit(upload.bytes + len(waiting), written=upload.bytes, limit=limit)
        await asyncio.to_thread(upload.write, bytes(waiting))
        sha256 = upload.digest.hexdigest()
        return Received(sha256=sha256, bytes=upload.bytes, path=self.path(sha256))


class _Upload:
    """A file on its way into the folder, under a name of our own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest = hashlib.sha256()
        self.bytes = 0
        self._file: BinaryIO = path.open("xb")

    def write(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        self._file.write(chunk)
        self.bytes += len(chunk)

    def keep(self, place: Path) -> None:
        """Flush file and folders, then rename: a reader sees all of it or nothing."""
        self._file.flush()
        os.fchmod(self._file.fileno(), 0o400)
        os.fsync(self._file.fileno())
        place.parent.mkdir(mode=0o700, exist_ok=True)
        self.path.rename(place)
        for folder in (place.parent, place.parent.parent):
            _flush_folder(folder)

    def drop(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(count: int) -> str:
    if count >= GIB:
        return f"{count / GIB:.2f} GiB"
    return f"{count / MIB:.1f} MiB" if count >= MIB else f"{count:,} bytes"
