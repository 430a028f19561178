"""The walls around a child that computes: those of every child, but for compiled kernels."""

from __future__ import annotations

import sys

import pytest

from app.errors import OutOfMemory
from app.readers import sandbox
from app.readers.sandbox import Limits
from tests.corpus.sandboxed import ATTEMPTS

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="these walls are Linux's; README says what is left"
)

TASKS = "tests.corpus.sandboxed"
COMPUTE = Limits(memory_bytes=300 * 2**20, seconds=60, walls="compute")
FORBIDDEN = sorted(set(ATTEMPTS) - {"map executable memory"})


@pytest.mark.parametrize("forbidden", FORBIDDEN)
def test_a_child_that_computes_may_not(forbidden):
    answer = sandbox.run(f"{TASKS}:attempt", arguments=forbidden, limits=COMPUTE)
    assert answer.value in ("PermissionError", "ValueError")


def test_a_child_that_computes_may_compile_its_kernels():
    answer = sandbox.run(f"{TASKS}:attempt", arguments="map executable memory", limits=COMPUTE)
    assert answer.value == "done"


def test_its_memory_is_limited():
    with pytest.raises(OutOfMemory):
        sandbox.run(f"{TASKS}:hog", limits=COMPUTE)


def test_a_child_of_a_device_has_no_network():
    limits = Limits(memory_bytes=300 * 2**20, seconds=60, walls="device")
    answer = sandbox.run(f"{TASKS}:connect", limits=limits)
    assert answer.value == "PermissionError"


def test_a_child_gets_every_file_that_it_is_given(tmp_path):
    names = ("first", "second", "third")
    for name in names:
        (tmp_path / name).write_text(name)
    files = [(tmp_path / name).open("rb") for name in names]
    try:
        answer = sandbox.run(
            f"{TASKS}:read_all",
            descriptor=[file.fileno() for file in files],
            arguments={},
            limits=COMPUTE,
        )
    finally:
        for file in files:
            file.close()
    assert answer.value == list(names)
