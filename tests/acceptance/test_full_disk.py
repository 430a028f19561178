"""A disk that is really full in the middle of an analysis."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance

LAYERS = 120
MIB = 2**20


@pytest.fixture
def disk(tmp_path):
    """A small disk under the data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as filler:
        for size in (MIB, 512):
            try:
                while filler.write(bytes(size)):
                    pass
            except OSError:
                continue


def test_it_ends_in_a_sentence_and_the_next_analysis_works(with_service, checkpoint, disk):
    async def body(service):
        service.start(2)
        run = await service.submit(checkpoint(layers=LAYERS, width=256))
        await service.until(run, lambda now: now.step == "measuring" and now.done > 2)
        fill(disk)
        ended = await service.finished(run)
        assert (ended.state, ended.error.code) == ("failed", "disk_full")
        (disk / "filler").unlink()
        again = await service.finished(await service.submitter.again(run.id))
        assert (again.state, again.error, again.done) == ("done", None, LAYERS)

    with_service(body)


def test_an_analysis_can_be_called_off_on_a_full_disk(with_service, checkpoint, disk):
    async def body(service):
        service.start()
        run = await service.submit(checkpoint(layers=LAYERS, width=256))
        await service.until(run, lambda now: now.step == "measuring" and now.done > 2)
        service.kill()
        fill(disk)
        assert (await service.submitter.cancel(run.id)).state == "cancelled"

    with_service(body)
