"""The sandbox: what a child can do, what it cannot, and that it always goes."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from app.errors import Cancelled, ChildLost, OutOfMemory, OutOfTime, Truncated, Unreadable
from app.readers import sandbox
from app.readers.sandbox import Limits
from tests.corpus.archives import entry, safetensors
from tests.corpus.sandboxed import ATTEMPTS

ROOT = Path(__file__).parents[2]
LIMITS = Limits(memory_bytes=300 * 2**20, seconds=60)
TASKS = "tests.corpus.sandboxed"

linux_only = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="these walls are Linux's; README says what is left"
)


def test_an_answer_comes_back_as_it_was_given():
    assert sandbox.run(f"{TASKS}:echo", arguments={"a": [1, 2.5]}, limits=LIMITS).value == {
        "a": [1, 2.5]
    }


def test_progress_is_told_while_the_task_runs():
    told = []
    sandbox.run(f"{TASKS}:echo", limits=LIMITS, on_progress=told.append)
    assert told == [{"done": 1}]


def test_attachments_come_beside_the_json():
    answer = sandbox.run(f"{TASKS}:attach", limits=LIMITS)
    assert (answer.value, answer.attachments) == ({"n": 2}, [b"one", bytes(3_000_000)])


def test_the_child_reads_the_descriptor_it_was_given(tmp_path):
    upload = tmp_path / "upload"
    upload.write_text("hello")
    with upload.open("rb") as file:
        answer = sandbox.run(f"{TASKS}:read", descriptor=file.fileno(), limits=LIMITS)
    assert answer.value == "hello"


@linux_only
def test_all_walls_stand_on_this_kernel():
    assert sandbox.strength() == {"landlock": True, "seccomp": True, "memory": True}


@linux_only
@pytest.mark.parametrize("forbidden", ATTEMPTS)
def test_the_child_may_not(forbidden):
    answer = sandbox.run(f"{TASKS}:attempt", arguments=forbidden, limits=LIMITS)
    assert answer.value in ("PermissionError", "ValueError")


def test_threads_work_in_the_child():
    assert sandbox.run(f"{TASKS}:threads", limits=LIMITS).value == [0, 1, 2, 3]


def test_the_compiled_kernels_work_in_the_child(tmp_path):
    upload = tmp_path / "upload"
    values = np.arange(5000, dtype=np.float32) - 17
    values.tofile(upload)
    with upload.open("rb") as file:
        answer = sandbox.run(f"{TASKS}:numbers", descriptor=file.fileno(), limits=LIMITS)
    assert answer.value == {"count": 5000, "minimum": -17.0}


@pytest.mark.parametrize("legacy", [False, True])
def test_every_dtype_is_measured_behind_the_walls(tmp_path, legacy):
    upload = tmp_path / "upload"
    tensors = {
        str(dtype).removeprefix("torch."): (torch.arange(3000) % 100).to(dtype)
        for dtype in (
            torch.float64,
            torch.float32,
            torch.float16,
            torch.bfloat16,
            torch.float8_e4m3fn,
            torch.complex64,
            torch.int64,
            torch.int8,
            torch.bool,
        )
    }
    torch.save(tensors, upload, _use_new_zipfile_serialization=not legacy)
    with upload.open("rb") as file:
        answer = sandbox.run(f"{TASKS}:open_and_measure", descriptor=file.fileno(), limits=LIMITS)
    assert [row["name"] for row in answer.value] == list(tensors)


def test_a_file_larger_than_the_memory_limit_is_measured(tmp_path):
    upload, count = tmp_path / "upload", 2**26  # 256 MiB of zeros, a hole on the disk
    upload.write_bytes(safetensors({"w": entry([count], 0, 4 * count)}))
    with upload.open("r+b") as file:
        file.truncate(upload.stat().st_size + 4 * count)
        answer = sandbox.run(
            f"{TASKS}:open_and_measure",
            descriptor=file.fileno(),
            limits=Limits(memory_bytes=96 * 2**20, seconds=120),
        )
    assert answer.value[0]["count"] == count


def test_a_refusal_is_raised_again_with_its_facts():
    with pytest.raises(Truncated, match="expected 2 bytes, found 1"):
        sandbox.run(f"{TASKS}:refuse", limits=LIMITS)


def test_a_disk_that_cannot_be_read_is_told_as_such():
    with pytest.raises(Unreadable) as failure:
        sandbox.run(f"{TASKS}:misread", limits=LIMITS)
    assert failure.value.message.endswith("from this machine's disk: Bad file descriptor.")


def test_an_unexpected_failure_names_only_its_kind(caplog):
    with pytest.raises(ChildLost, match="ZeroDivisionError") as caught:
        sandbox.run(f"{TASKS}:fail", limits=LIMITS)
    assert "secret" not in str(caught.value)
    assert "a secret of the upload" in caplog.text


@linux_only
def test_a_hog_ends_in_out_of_memory():
    with pytest.raises(OutOfMemory, match="300 MiB"):
        sandbox.run(f"{TASKS}:hog", limits=LIMITS)


def test_a_hang_ends_in_out_of_time():
    with pytest.raises(OutOfTime, match="within 1 s"):
        sandbox.run(f"{TASKS}:hang", limits=Limits(memory_bytes=2**28, seconds=1))


def test_a_crash_is_told_with_its_signal():
    with pytest.raises(ChildLost, match="SIGABRT"):
        sandbox.run(f"{TASKS}:die", limits=LIMITS)


def test_an_answer_over_its_size_is_refused():
    small = Limits(memory_bytes=2**28, seconds=60, answer_bytes=1_000_000)
    with pytest.raises(ChildLost, match="more than 1000000 bytes"):
        sandbox.run(f"{TASKS}:overflow", limits=small)


def test_cancelling_kills_the_child():
    cancelled, processes = threading.Event(), []

    def note(process):
        processes.append(process)
        cancelled.set()

    with pytest.raises(Cancelled):
        sandbox.run(f"{TASKS}:hang", limits=LIMITS, on_progress=note, cancelled=cancelled)
    assert not _alive(processes[0])


def test_cancelling_an_awaiting_task_kills_the_child():
    async def cancel_when_it_runs():
        loop = asyncio.get_running_loop()
        started = loop.create_future()
        work = asyncio.create_task(
            sandbox.run_async(f"{TASKS}:hang", limits=LIMITS, on_progress=started.set_result)
        )
        process = await started
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        return process

    assert not _alive(asyncio.run(cancel_when_it_runs()))


def test_many_children_run_beside_an_event_loop():
    async def eight():
        runs = (sandbox.run_async(f"{TASKS}:echo", arguments=n, limits=LIMITS) for n in range(8))
        return [answer.value for answer in await asyncio.gather(*runs)]

    assert asyncio.run(eight()) == list(range(8))


def test_a_stopped_server_is_started_again():
    sandbox.stop()
    assert sandbox.run(f"{TASKS}:echo", arguments=1, limits=LIMITS).value == 1


OWNER = """
import sys
from app.readers import sandbox
sandbox.run("tests.corpus.sandboxed:hang", limits=sandbox.Limits(memory_bytes=2**28, seconds=600),
            on_progress=lambda pid: print(pid, flush=True))
"""


@linux_only
def test_killing_the_owner_leaves_no_process():
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as owner:
        child = int(owner.stdout.readline())
        watched = [os.pidfd_open(child), os.pidfd_open(_parent(child))]
        owner.send_signal(signal.SIGKILL)
    try:
        assert all(_ended(process) for process in watched)
    finally:
        for process in watched:
            os.close(process)


@linux_only
def test_killing_the_fork_server_kills_its_children():
    def kill_server(process):
        watched.append(os.pidfd_open(process))
        os.kill(_parent(process), signal.SIGKILL)

    watched = []
    with pytest.raises(ChildLost):
        sandbox.run(f"{TASKS}:hang", limits=LIMITS, on_progress=kill_server)
    assert _ended(watched[0])
    os.close(watched[0])


def _parent(process):
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("PPid:")[2].split()[0])


def _ended(process, seconds=10):
    """A pidfd becomes readable at the end of its process: no polling, no sleep."""
    import select

    return bool(select.select([process], [], [], seconds)[0])


def _alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_streamed_answer_is_made_as_it_is_sent():
    answer = sandbox.run(f"{TASKS}:streamed", limits=LIMITS)
    assert (answer.value, answer.attachments) == ({"made": 3}, [b"0", b"1", b"2"])


def test_attachments_may_be_taken_as_they_come():
    taken = []
    answer = sandbox.run(f"{TASKS}:streamed", limits=LIMITS, on_attachment=taken.append)
    assert (taken, answer.attachments) == ([b"0", b"1", b"2"], [])


def test_a_refused_attachment_ends_the_child():
    def refuse(_attachment):
        raise ChildLost(reason="of no use")

    with pytest.raises(ChildLost, match="of no use"):
        sandbox.run(f"{TASKS}:streamed", limits=LIMITS, on_attachment=refuse)
