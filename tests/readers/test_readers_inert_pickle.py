"""The inert machine beside the real one: the same values, no calls."""

import pickle
import pickletools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Malformed, Truncated
from app.readers.inert_pickle import read_pickle
from app.readers.machine import Caps
from app.readers.records import Obj, PDict, PSet, Ref, Span, attributes_of, class_of
from tests.corpus.pickling import call, name, pickled, text

CAPS = Caps(operations=100_000, memo=100_000)


def _read(raw):
    return read_pickle(raw, start=0, end=len(raw), caps=CAPS, kind="test").value


def _plain(record):
    """Records back as the objects they describe, for comparison only."""
    match record:
        case PDict():
            return {key: _plain(value) for key, value in record.pairs}
        case PSet():
            return {_plain(item) for item in record.items}
        case list() | tuple():
            return type(record)(map(_plain, record))
        case _:
            return record


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**255), 2**255 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(max_size=300),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@given(value=VALUES)
def test_plain_values_are_what_pickle_wrote(protocol, value):
    assert _plain(_read(pickle.dumps(value, protocol=protocol))) == value


TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_characters="\\"))


@pytest.mark.parametrize("protocol", [0, 1, 2])
@given(value=st.lists(st.none() | st.booleans() | st.integers(-(2**200), 2**200) | TEXTS))
def test_plain_values_of_old_protocols_are_what_pickle_wrote(protocol, value):
    assert _plain(_read(pickle.dumps(value, protocol=protocol))) == value


def test_every_opcode_of_every_protocol_has_an_instruction():
    from app.readers.inert_pickle import _TABLE

    missing = [op.name for op in pickletools.opcodes if _TABLE[ord(op.code)] is None]
    assert missing == ["STOP"]  # which ends the loop itself


def test_python_2_text_is_read():
    assert _read(b"S'a\\x41\\n\\'b'\n.") == "aA\n'b"


def test_shared_objects_stay_shared():
    one = []
    first, second = _read(pickle.dumps([one, one]))
    assert first is second


@pytest.mark.parametrize("protocol", range(6))
def test_an_object_is_described_by_its_class_and_state(protocol):
    error = ValueError("x")
    error.note = 7
    record = _read(pickle.dumps(error, protocol=protocol))
    assert class_of(record).name == "ValueError"
    assert attributes_of(record) == {"note": 7}


def test_a_call_is_noted_and_not_made():
    record = _read(pickled(call("posix.system", text("true"))))
    assert isinstance(record, Obj)
    assert (record.callable.path, record.arguments) == ("posix.system", ("true",))


def test_a_name_is_noted_and_not_imported():
    record = _read(pickled(name("no_such_module.thing")))
    assert isinstance(record, Ref)
    assert record.path == "no_such_module.thing"


def test_equal_keys_are_all_kept():
    assert len(_read(b"\x80\x02}(K\x01NK\x01Nu.").pairs) == 2


def test_unhashable_keys_are_no_matter():
    assert len(_read(b"\x80\x02}]Ns.").pairs) == 1


def test_long_bytes_stay_in_the_file():
    raw = b"\x80\x03B" + struct.pack("<I", 100_000) + bytes(100_000) + b"."
    record = _read(raw)
    assert isinstance(record, Span)
    assert (record.offset, record.length) == (7, 100_000)


def test_a_pickle_that_reads_past_its_end_is_cut_off():
    with pytest.raises(Truncated):
        _read(b"\x80\x02X\xff\x00\x00\x00abc")


def test_caps_grow_with_the_file():
    assert Caps.of(10**9).operations == 8_000_000
    assert Caps.of(1000).operations == 1_000_125


def test_instructions_are_counted():
    with pytest.raises(Malformed, match="more than 100,000 instructions"):
        _read(b"N" * 200_000)
