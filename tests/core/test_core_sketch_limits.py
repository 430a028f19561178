"""What a sketch may use: memory of a chunk, no compiler and no file once it is warm."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from app.core.chunks import CHUNK
from app.core.sketch import sketch, warm
from app.core.storage import WIDTH
from app.core.tables import ROOM, Tally

CLOSED = """
import sys, threading
import numpy as np
from app.core.sketch import Sketch, merge, sketch, warm
from app.core.storage import WIDTH, carrier
warm()
threading.Thread(target=print).start()
def refuse(event, arguments):
    if event in ("open", "os.listdir", "os.mkdir", "os.rename", "import", "compile", "exec"):
        raise PermissionError(event)
sys.addaudithook(refuse)
for dtype in WIDTH:
    for size in (10, 50_000):
        values = (np.arange(size) % 100).astype(carrier(dtype))
        found = sketch(values, dtype=dtype, limit=3.0, threads=2)
        found = merge(found, sketch(values[::3], dtype=dtype, limit=3.0))
        Sketch.from_bytes(found.to_bytes())
"""


def test_after_warm_nothing_is_compiled_and_no_file_is_touched() -> None:
    done = subprocess.run([sys.executable, "-c", CLOSED], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8", "int64", "float64"])
def test_memory_is_bounded_by_a_chunk(dtype: str) -> None:
    warm()
    values = np.broadcast_to(np.arange(3000).astype(dtype)[:, None, None], (3000, 3000, 3))
    strided = np.zeros((3, 2 * CHUNK), dtype)[:, ::2]
    tracemalloc.start()
    sketch(values, dtype=dtype, limit=0.5)
    sketch(strided, dtype=dtype, limit=0.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A copied chunk, the same as float64 for int64, and the tables: 8 MiB of the widest.
    assert peak <= 2 * CHUNK * np.dtype(dtype).itemsize + 16 * 2**20


def test_counters_are_emptied_before_they_overflow() -> None:
    tally = Tally(4, lanes=2)
    for values in (ROOM - 1, 1, ROOM, 5):
        tally.make_room(values)
        tally.tables[0][1] += np.uint32(values // 2)
        tally.tables[1][1] += np.uint32(values - values // 2)
    places, counts = tally.close()
    assert set(places) == {1}
    assert counts.sum() == 2 * ROOM + 5


def test_tables_come_back_clean() -> None:
    tally = Tally(7)
    tally.flat[3] = 9
    flat = tally.flat
    tally.close()
    again = Tally(7)
    assert again.flat is flat
    assert not again.flat.any()


def test_every_stored_dtype_is_read() -> None:
    assert {"float64", "float32", "float16", "bfloat16", "bool", "int64", "uint8"} < set(WIDTH)
    assert sum(name.startswith("float8") for name in WIDTH) == 5
