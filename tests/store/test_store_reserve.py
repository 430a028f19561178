from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from app.store.reserve import BYTES, FILE, STARVED_BYTES, Reserve, is_full


def test_the_reserve_takes_real_room_and_gives_it_back(tmp_path):
    reserve = Reserve(tmp_path)
    reserve.lay_in()
    assert (tmp_path / FILE).stat().st_blocks * 512 >= BYTES
    assert reserve.spend()
    assert not (tmp_path / FILE).exists()


def test_a_reserve_can_be_spent_once(tmp_path):
    reserve = Reserve(tmp_path)
    reserve.lay_in()
    assert [reserve.spend(), reserve.spend()] == [True, False]


@pytest.mark.parametrize(("free", "spent"), [(BYTES - 1, True), (BYTES, False)])
def test_it_is_given_up_where_less_than_that_is_free_beside_it(tmp_path, monkeypatch, free, spent):
    reserve = Reserve(tmp_path)
    reserve.lay_in()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert reserve.spend_if_short() is spent
    assert (tmp_path / FILE).exists() is not spent


def test_half_of_it_is_lent_each_time_and_laid_in_again(tmp_path):
    reserve = Reserve(tmp_path)
    reserve.lay_in()
    sizes = []
    for _ in range(2):
        reserve.lend()
        sizes.append((tmp_path / FILE).stat().st_size)
    reserve.lay_in()
    assert [*sizes, (tmp_path / FILE).stat().st_size] == [BYTES // 2, BYTES // 4, BYTES]


@pytest.mark.parametrize(("free", "starved"), [(STARVED_BYTES - 1, True), (STARVED_BYTES, False)])
def test_a_disk_without_room_for_one_write_is_starved(tmp_path, monkeypatch, free, starved):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert Reserve(tmp_path).starved() is starved


def test_laying_it_in_again_does_no_harm(tmp_path):
    reserve = Reserve(tmp_path)
    reserve.lay_in()
    reserve.lay_in()
    assert (tmp_path / FILE).stat().st_size == BYTES


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_takes_no_more_is_full(number):
    assert is_full(OSError(number, os.strerror(number)))


def test_another_failure_of_the_system_is_not_a_full_disk():
    assert not is_full(FileNotFoundError(errno.ENOENT, "none"))


@pytest.fixture
def full(tmp_path):
    """A database that may grow no further."""
    with sqlite3.connect(tmp_path / "small.sqlite") as connection:
        connection.execute("CREATE TABLE t (x BLOB)")
        connection.execute("PRAGMA max_page_count = 4")
        yield connection
    connection.close()


def test_sqlite_says_itself_that_it_is_full(full):
    with pytest.raises(sqlite3.OperationalError) as failure:
        full.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert is_full(failure.value)
    assert is_full(sa.exc.OperationalError("INSERT", {}, failure.value))


def test_a_mistake_in_a_statement_is_not_a_full_disk(full):
    with pytest.raises(sqlite3.OperationalError) as failure:
        full.execute("INSERT INTO nothing VALUES (1)")
    assert not is_full(failure.value)
