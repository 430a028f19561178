from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the libc is not glibc")

ROOT = Path(__file__).parents[1]
COUNT = """
import ctypes, sys, threading
from app import heap

libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
if sys.argv[1] == "shared":
    heap.share()
meet = threading.Barrier(8)

def allocate():
    kept = [bytes(2000) for _ in range(100)]
    meet.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = libc.fopen(sys.argv[2].encode(), b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""


def heaps(tmp_path: Path, how: str) -> int:
    file = tmp_path / "heaps.xml"
    subprocess.run([sys.executable, "-c", COUNT, how, str(file)], cwd=ROOT, check=True)
    return file.read_text().count("<heap nr=")


def test_threads_allocate_from_one_heap(tmp_path):
    assert heaps(tmp_path, "shared") == 1


def test_threads_have_heaps_of_their_own_without(tmp_path):
    assert heaps(tmp_path, "apart") > 1


LARGE = """
import ctypes, sys
from app import heap

class Info(ctypes.Structure):  # struct mallinfo2
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
        "fordblks", "keepcost")]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
if sys.argv[1] == "returned":
    heap.return_large()
bytes(4 << 20)  # what is freed raises glibc's own threshold
before = libc.mallinfo2().hblkhd
block = bytearray(1 << 20)
print(libc.mallinfo2().hblkhd - before)
"""


def mapped(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", LARGE, how], cwd=ROOT, capture_output=True)
    return int(done.stdout)


def test_large_blocks_are_mapped_one_by_one():
    assert mapped("returned") >= 1 << 20


def test_large_blocks_come_from_the_heap_without():
    assert mapped("kept") == 0
