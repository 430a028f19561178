"""Pickles that call, explode, loop or lie, in torch's two containers."""

from __future__ import annotations

import struct

from app.errors import Malformed, NoTensors, Truncated
from tests.corpus.archives import legacy, torch_zip
from tests.corpus.hostility import Hostile, beside_a_tensor, in_zip, one_tensor
from tests.corpus.pickling import (
    BUILD,
    NEWOBJ,
    NONE,
    REDUCE,
    call,
    dict_,
    integer,
    list_,
    name,
    pickled,
    storage,
    tensor,
    text,
    tuple_,
)

MARKER = "/tmp/initscope-a-pickle-ran"
COMMAND = f"touch {MARKER}"


def _deep(opening: bytes, closing: bytes, levels: int) -> bytes:
    return opening * levels + NONE + closing * levels


def _laughs() -> bytes:
    """A list of ten lists of ten lists …, 10^30 leaves, each level remembered once."""
    body = b"](" + text("ha") * 10 + b"eq\x00"
    for level in range(1, 30):
        body += b"0](" + (b"h" + bytes([level - 1])) * 10 + b"eq" + bytes([level])
    return body


def _hash_bomb() -> bytes:
    """A tuple of a tuple of … as key: 2^40 steps to hash it."""
    body = b")q\x00"
    for level in range(40):
        body += b"0" + (b"h" + bytes([level])) * 2 + b"\x86q" + bytes([level + 1])
    return b"}" + body + NONE + b"s"


def _shared_state() -> bytes:
    """20,000 objects that share one state of 20,000 entries."""
    state = dict_({f"a{n}": NONE for n in range(20_000)}) + b"q\x00" + b"0"
    maker = name("a.B") + b"q\x01" + b"0"
    return state + maker + list_(*[b"h\x01)R" + b"h\x00b"] * 20_000)


def _shared_modules() -> bytes:
    """20,000 modules that share one dictionary of 20,000 children."""
    children = dict_({f"a{n}": NONE for n in range(20_000)}) + b"q\x00" + b"0"
    state = dict_({"_modules": b"h\x00", "_parameters": NONE}) + b"q\x02" + b"0"
    maker = name("a.B") + b"q\x01" + b"0"
    return children + state + maker + list_(*[b"h\x01)R" + b"h\x02b"] * 20_000)


def _shared_wrapper() -> bytes:
    """Tensor subclasses within tensor subclasses, each level ten times the one below: 10^8."""
    body = name("torch._utils._rebuild_wrapper_subclass") + b"q\x000" + tensor() + b"q\x01"
    for level in range(1, 9):
        inner = dict_({f"part{n}": b"h" + bytes([level]) for n in range(10)})
        body += b"0h\x00" + NONE + b"\x85R" + inner + b"b" + b"q" + bytes([level + 1])
    return body


def _views(count: int) -> bytes:
    """Many different views of one storage of 4 MiB: hundreds of GB to read from a small file."""
    size = 2**20
    body = storage("1", size) + b"q\x000"
    rows = b"".join(
        text(f"w{index}")
        + call(
            "torch._utils._rebuild_tensor_v2",
            b"h\x00",
            integer(index % 1000),
            tuple_(integer(size - 1000 - index // 1000)),
            tuple_(integer(1)),
            b"\x89",
            NONE,
        )
        for index in range(count)
    )
    return torch_zip(pickled(body + b"}(" + rows + b"u"), {"1": bytes(4 * size)})


_RUNS = {
    "global_reduce": name("posix.system") + tuple_(text(COMMAND)) + REDUCE,
    "builtins_eval": call("builtins.eval", text(f"__import__('os').system('{COMMAND}')")),
    "newobj": name("subprocess.Popen") + tuple_(text(COMMAND)) + NEWOBJ,
    "inst": b"(" + text(COMMAND) + b"iposix\nsystem\n",
    "obj": b"(" + name("posix.system") + text(COMMAND) + b"o",
    "stack_global": text("posix") + text("system") + b"\x93" + tuple_(text(COMMAND)) + REDUCE,
    "setstate": call("types.SimpleNamespace") + name("os.system") + BUILD,
    "partial": call("functools.partial", name("os.system"), text(COMMAND)),
    "getattr_chain": call(
        "builtins.getattr", call("importlib.import_module", text("os")), text("system")
    )
    + tuple_(text(COMMAND))
    + REDUCE,
    "numpy_loads": call("numpy.testing._private.utils.runstring", text(COMMAND), b"}"),
    "torch_hub": call("torch.hub.load", text("x/y"), text("z")),
}
_HUGE = 2**60

PICKLES: dict[str, Hostile] = {
    # Nothing inside.
    "zip_no_tensors": Hostile(in_zip(dict_({"epoch": integer(3)})), NoTensors, "'epoch'"),
    "legacy_no_tensors": Hostile(lambda: legacy(b"}", {}), NoTensors),
    # Resources.
    "opcodes_20_million": Hostile(
        lambda: torch_zip(b"\x80\x02" + b"}" * 20_000_000 + b"."), Malformed, "instructions"
    ),
    "memo_flood": Hostile(
        lambda: torch_zip(b"\x80\x04N" + b"\x94" * 3_000_000 + b"."), Malformed, "remembered"
    ),
    "marks": Hostile(in_zip(b"(" * 100_000), Malformed, "open marks"),
    "names_flood": Hostile(
        in_zip(b"".join(name(f"a.b{n}") for n in range(10_000))), Malformed, "imported names"
    ),
    "deep_lists": Hostile(beside_a_tensor(_deep(b"]", b"a", 300_000)), None),
    "deep_tuples": Hostile(beside_a_tensor(_deep(b"", b"\x85", 300_000)), None),
    "deep_dicts": Hostile(beside_a_tensor(_deep(b"}N", b"s", 100_000)), None),
    "billion_laughs": Hostile(beside_a_tensor(_laughs()), None),
    "cycle": Hostile(beside_a_tensor(b"]q\x00h\x00a"), None),
    "hash_bomb_key": Hostile(beside_a_tensor(_hash_bomb()), None),
    "hash_flood_keys": Hostile(
        beside_a_tensor(dict_([(integer(n * (2**61 - 1)), NONE) for n in range(60_000)])), None
    ),
    "shared_state": Hostile(lambda: torch_zip(pickled(_shared_state())), Malformed, "entries"),
    "shared_modules": Hostile(lambda: torch_zip(pickled(_shared_modules())), Malformed, "entries"),
    "shared_wrapper": Hostile(lambda: torch_zip(pickled(_shared_wrapper())), Malformed, "tensors"),
    "bytearray_bomb": Hostile(beside_a_tensor(call("builtins.bytearray", integer(2**37))), None),
    "tensor_constructor_bomb": Hostile(
        beside_a_tensor(call("torch.Tensor", integer(2**19), integer(2**19))), None
    ),
    "wide_integer": Hostile(
        beside_a_tensor(b"\x8b" + struct.pack("<i", 5000) + bytes(5000)), Malformed, "integer"
    ),
    "negative_length": Hostile(
        beside_a_tensor(b"\x8b" + struct.pack("<i", -1)), Malformed, "integer"
    ),
    "long_text_cut": Hostile(lambda: torch_zip(b"\x80\x04\x8d" + b"\xff" * 8 + b"."), Truncated),
    "views_of_one_storage": Hostile(lambda: _views(5000), Malformed, "far more values"),
    "rank_1000": Hostile(
        one_tensor(shape=(1,) * 1000, strides=(1,) * 1000), Malformed, "make no sense"
    ),
    # Broken pickles.
    "unknown_opcode": Hostile(in_zip(b"\xff"), Malformed, "0xff"),
    "stack_underflow": Hostile(in_zip(b"a"), Malformed, "operand"),
    "set_item_on_list": Hostile(in_zip(b"]NNs"), Malformed, "no dictionary"),
    "build_on_dict": Hostile(in_zip(b"}}b"), Malformed, "no object"),
    "recall_nothing": Hostile(in_zip(b"h\x07"), Malformed, "reference to nothing"),
    "out_of_band_buffer": Hostile(in_zip(b"\x97"), Malformed, "not in the file"),
    # Tensors that lie.
    "past_its_storage": Hostile(one_tensor(shape=(5,)), Malformed, "reaches past"),
    "offset_past_its_storage": Hostile(one_tensor(first=1), Malformed, "reaches past"),
    "stride_past_its_storage": Hostile(
        one_tensor(shape=(2,), strides=(9,)), Malformed, "reaches past"
    ),
    "negative_offset": Hostile(one_tensor(first=-1), Malformed),
    "negative_stride": Hostile(one_tensor(strides=(-1,)), Malformed),
    "negative_size": Hostile(one_tensor(shape=(-4,)), Malformed),
    "expanded_2_to_50": Hostile(
        one_tensor(shape=(2**50,), strides=(0,)), Malformed, "far more values"
    ),
    "expanded_2_to_120": Hostile(one_tensor(shape=(_HUGE, _HUGE), strides=(0, 0)), Malformed),
    "empty_but_huge": Hostile(
        one_tensor(shape=(_HUGE, 0, _HUGE), strides=(1, 1, 1)), Malformed, "beyond"
    ),
    "storage_declared_huge": Hostile(one_tensor(count=2**40), Malformed, "16 bytes instead of"),
    "storage_missing": Hostile(one_tensor(key="7"), Malformed, "missing"),
    "storage_named_as_path": Hostile(one_tensor(key="../../../etc/passwd"), Malformed, "missing"),
    "storage_of_unknown_type": Hostile(one_tensor(kind="ObjectStorage"), Malformed, "unknown"),
    "shape_of_texts": Hostile(
        in_zip(
            dict_(
                {
                    "w": call(
                        "torch._utils._rebuild_tensor_v2",
                        storage("0", 4),
                        integer(0),
                        tuple_(text("4")),
                        tuple_(integer(1)),
                        NONE,
                        NONE,
                    )
                }
            )
        ),
        Malformed,
    ),
    "rebuild_without_arguments": Hostile(
        in_zip(dict_({"w": call("torch._utils._rebuild_tensor_v2")})), Malformed
    ),
    "legacy_view_past_storage": Hostile(
        lambda: legacy(dict_({"w": tensor(view=tuple_(text("1"), integer(3), integer(9)))})),
        Malformed,
    ),
    "legacy_count_differs": Hostile(
        lambda: legacy(dict_({"w": tensor(count=3, shape=(3,))})), Malformed
    ),
} | {
    f"runs_{how}_{place}": Hostile(make, refusal)
    for how, body in _RUNS.items()
    for place, make, refusal in (
        ("in_zip", beside_a_tensor(body), None),
        ("alone_in_zip", in_zip(body), NoTensors),
        ("in_legacy", lambda body=body: legacy(dict_({"hostile": body, "w": tensor()})), None),
    )
}
