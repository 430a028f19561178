"""Every revision up and down, on both databases, empty and with rows in every table."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.errors import Invalid
from app.store import database, tables
from app.store.database import Migrated

REVISIONS = ("base", *(f"{number:04}" for number in range(1, 9)))
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
MOMENT = datetime(2026, 11, 22, tzinfo=UTC)

# Every table at the newest revision: what has an owner, then what is everybody's.
FILES = {"anns": "ann", "bobs": "bob", "free": "", "net": ""}
SAME_BYTES = {"anns": "1", "bobs": "1", "free": "1", "net": "2"}  # sha256 of each
ROWS: dict[str, list[dict[str, Any]]] = {
    "files": [{"id": one, "owner": FILES[one], "sha256": SAME_BYTES[one]} for one in FILES],
    "runs": [{"id": one, "file": one, "job": f"{one}-1"} for one in ("anns", "bobs", "free")],
    "jobs": [{"id": f"{one}-1", "run": one} for one in ("anns", "free")],
    "parts": [{"job": f"{one}-1"} for one in ("anns", "free")],
    "tensors": [{"job": f"{one}-1", "index": 0} for one in ("anns", "free")],
    "seeds": [{"run": one, "job": f"{one}-seed"} for one in ("anns", "free")],
    "networks": [{"file": one} for one in ("anns", "net")],
    "propagations": [
        {"id": "anns", "network": "anns", "job": "anns-p"},
        {"id": "with", "network": "net", "weights": "bobs", "job": "with-p"},
        {"id": "free", "network": "net", "weights": "free", "inputs": None, "job": "free-p"},
    ],
    "comparisons": [
        {"id": "anns", "before": "anns", "after": "free", "job": "anns-c"},
        {"id": "free", "before": "free", "after": "net", "job": "free-c"},
    ],
    "tokens": [{"id": "t", "name": "ann"}],
    "sessions": [{"id": "s", "token": "t"}],
}
# What is left of them after each revision is undone and done again.
ALL = {table: len(rows) for table, rows in ROWS.items()}
FREE = ALL | {"files": 2, "runs": 1, "jobs": 1, "parts": 1, "tensors": 1, "seeds": 1}
FREE |= {"networks": 1, "propagations": 1, "comparisons": 1}
LEFT = {"0007": ALL, "0006": FREE}
LEFT["0005"] = FREE | {"tokens": 0, "sessions": 0}
LEFT["0004"] = LEFT["0005"]
LEFT["0003"] = LEFT["0004"] | {"comparisons": 0}
LEFT["0002"] = LEFT["0003"] | {"networks": 0, "propagations": 0}
LEFT["0001"] = LEFT["0002"] | {"seeds": 0}
LEFT["base"] = dict.fromkeys(ALL, 0)


@contextlib.contextmanager
def opened(settings) -> Iterator[sa.Connection]:
    engine = sa.create_engine(settings.database)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def schema(settings) -> dict[str, Any]:
    """Everything that the database tells of its tables."""
    with opened(settings) as connection:
        look = sa.inspect(connection)
        return {
            table: (
                sorted(map(str, look.get_columns(table))),
                look.get_pk_constraint(table),
                sorted(map(str, look.get_foreign_keys(table))),
                sorted(map(str, look.get_unique_constraints(table))),
                sorted(map(str, look.get_indexes(table))),
            )
            for table in sorted(look.get_table_names())
            if table != "alembic_version"
        }


def value_of(column: sa.Column[Any]) -> object:
    """Something for a column that must have something."""
    if isinstance(column.type, sa.String | sa.Text):
        return "x"
    if isinstance(column.type, tables.Moment):
        return MOMENT
    if isinstance(column.type, tables.Packed | sa.LargeBinary):
        return b"x"
    return False if isinstance(column.type, sa.Boolean) else 0


def fill(settings) -> None:
    with opened(settings) as connection:
        for table in tables.metadata.sorted_tables:
            usual = {one.name: value_of(one) for one in table.columns if not one.nullable}
            rows = [usual | row for row in ROWS[table.name]]
            for row in rows:
                connection.execute(sa.insert(table), row)


def counted(settings) -> dict[str, int]:
    with opened(settings) as connection:
        return {
            table.name: connection.execute(
                sa.select(sa.func.count()).select_from(table)
            ).scalar_one()
            for table in tables.metadata.sorted_tables
        }


def test_every_revision_has_one_form_whichever_way_it_is_reached(settings):
    going_up = {}
    for revision in REVISIONS[1:]:
        assert database.migrate(settings, revision).after == revision
        going_up[revision] = schema(settings)
    for revision in REVISIONS[-2:0:-1]:
        database.migrate(settings, revision)
        assert schema(settings) == going_up[revision], revision
    database.migrate(settings, "base")
    assert schema(settings) == {}
    for revision in REVISIONS[1:]:
        database.migrate(settings, revision)
        assert schema(settings) == going_up[revision], revision


@pytest.mark.parametrize("revision", LEFT)
def test_what_an_earlier_revision_has_a_place_for_comes_back(settings, revision):
    database.migrate(settings)
    fill(settings)
    assert database.migrate(settings, revision) == Migrated(before="0008", after=revision)
    database.migrate(settings)
    assert counted(settings) == LEFT[revision]


def test_nobody_sees_anothers_files_at_a_revision_without_owners(settings):
    database.migrate(settings)
    fill(settings)
    database.migrate(settings, "0006")
    with opened(settings) as connection:
        found = connection.execute(sa.text("SELECT id FROM files ORDER BY id")).scalars().all()
    assert found == ["free", "net"]


def test_a_failed_way_back_leaves_all_as_it_was(settings, monkeypatch):
    database.migrate(settings)
    fill(settings)
    before = schema(settings)
    monkeypatch.setattr(database, "_expect_whole", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        database.migrate(settings, "0001")
    assert schema(settings) == before
    assert counted(settings) == ALL


def test_a_database_of_a_newer_product_is_refused_with_its_revision(settings):
    database.migrate(settings)
    with opened(settings) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Invalid, match=r"expected one at 0008, .* got one at 9999"):
        database.migrate(settings)


def test_a_revision_that_does_not_exist_is_refused_with_those_that_do(settings):
    with pytest.raises(Invalid, match="expected 0001, 0002, "):
        database.migrate(settings, "1")


def test_the_operators_book_tells_what_each_way_back_costs():
    told = re.findall(r"^\| `(\d{4})` \|", OPERATIONS.read_text(), re.MULTILINE)
    assert told == list(REVISIONS[:0:-1])
