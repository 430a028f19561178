from __future__ import annotations

import pytest

from app.config import Settings, is_loopback


@pytest.mark.parametrize(
    ("access", "host", "guarded"),
    [
        ("auto", "127.0.0.1", False),
        ("auto", "localhost", False),
        ("auto", "::1", False),
        ("auto", "0.0.0.0", True),
        ("auto", "::", True),
        ("auto", "192.0.2.7", True),
        ("auto", "lab.example", True),
        ("open", "0.0.0.0", False),
        ("tokens", "127.0.0.1", True),
    ],
)
def test_tokens_are_asked_for_off_this_machine_or_by_order(access, host, guarded):
    assert Settings(_env_file=None, access=access, host=host).guarded is guarded


@pytest.mark.parametrize("host", ["", "127.0.0.1.evil.example", "128.0.0.1", "localhost.evil"])
def test_only_this_machines_own_address_is_loopback(host):
    assert not is_loopback(host)
