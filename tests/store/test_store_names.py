from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.names import MAX_CHARACTERS, tidy


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("model.pt", "model.pt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\models\\net.safetensors", "net.safetensors"),
        ("a\x00b\x1b[31m.pt", "ab[31m.pt"),
        ("evil\u202etp.exe", "eviltp.exe"),
        ("Größe 层.pt", "Größe 层.pt"),
        ("", "unnamed"),
        ("///", "unnamed"),
        ("\x07", "unnamed"),
    ],
)
def test_a_name_is_its_last_part_without_control_characters(given_name, shown):
    assert tidy(given_name) == shown


@given(st.text(max_size=1000))
def test_any_name_becomes_a_short_one_without_separators(text):
    name = tidy(text)
    assert 1 <= len(name) <= MAX_CHARACTERS
    assert "/" not in name
    assert "\x00" not in name
    name.encode()  # no lone surrogates


def test_a_long_name_keeps_its_beginning_and_its_end():
    name = tidy("layer" * 100 + ".safetensors")
    assert name.startswith("layerlayer")
    assert name.endswith(".safetensors")
