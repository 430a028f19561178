from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.errors import Invalid
from app.store import tables
from app.store.access import Access
from app.store.tokens import draw, id_in, matches


async def everything(shelf) -> str:
    """All that the two tables hold, as text."""
    async with shelf.engine.connect() as connection:
        rows = [
            tuple(row)
            for table in (tables.tokens, tables.sessions)
            for row in await connection.execute(sa.select(table))
        ]
    return repr(rows)


def test_a_token_says_its_id_and_is_matched_by_its_hash_alone():
    one, other = draw(), draw()
    assert id_in(one.text) == one.id
    assert matches(one.text, one.hash)
    assert not matches(other.text, one.hash)


@pytest.mark.parametrize("text", ["", "isc_", "isc_0123456789_short", "isc_0123456789_" + "é" * 43])
def test_other_text_is_no_token(text):
    assert id_in(text) is None


def test_a_hash_that_is_none_matches_nothing():
    assert not matches(draw().text, "plain")


def test_the_database_holds_an_argon2_hash_and_never_the_token(on_shelf):
    async def body(shelf):
        access = Access(shelf.engine)
        text = await access.add("ann")
        value = await access.sign_in(await access.token(text))
        return text, value, await everything(shelf)

    text, value, kept = on_shelf(body)
    assert "$argon2id$" in kept
    assert text.rpartition("_")[2] not in kept
    assert value not in kept


def test_a_token_lets_its_holder_in_until_it_is_removed(on_shelf):
    async def body(shelf):
        access = Access(shelf.engine)
        text = await access.add("ann")
        before = await access.token(text), await access.token(text)
        await access.remove("ann")
        return before, await access.token(text)

    (first, second), after = on_shelf(body)
    assert first.name == second.name == "ann"
    assert after is None


def test_a_secret_under_another_tokens_id_is_refused(on_shelf):
    async def body(shelf):
        access = Access(shelf.engine)
        ann, bob = await access.add("ann"), await access.add("bob")
        return await access.token(ann[:14] + bob[14:])

    assert on_shelf(body) is None


def test_a_session_ends_with_its_token(on_shelf):
    async def body(shelf):
        access = Access(shelf.engine)
        value = await access.sign_in(await access.token(await access.add("ann")))
        before = await access.signed_in(value)
        await access.remove("ann")
        return before, await access.signed_in(value)

    before, after = on_shelf(body)
    assert (before.name, after) == ("ann", None)


def test_signing_in_again_ends_the_browsers_earlier_session(on_shelf):
    async def body(shelf):
        access = Access(shelf.engine)
        token = await access.token(await access.add("ann"))
        first = await access.sign_in(token)
        second = await access.sign_in(token, instead_of=first)
        return await access.signed_in(first), await access.signed_in(second)

    first, second = on_shelf(body)
    assert (first, second.name) == (None, "ann")


def test_signing_out_ends_a_session(on_shelf):
    async def body(shelf):
        access = Access(shelf.engine)
        value = await access.sign_in(await access.token(await access.add("ann")))
        await access.sign_out(value)
        await access.sign_out("never one")
        return await access.signed_in(value)

    assert on_shelf(body) is None


def test_an_old_session_is_over_and_is_swept_at_the_next_sign_in(on_shelf):
    async def body(shelf):
        access = Access(shelf.engine)
        token = await access.token(await access.add("ann"))
        value = await access.sign_in(token)
        past = datetime.now(UTC) - timedelta(seconds=1)
        async with shelf.engine.begin() as connection:
            await connection.execute(sa.update(tables.sessions).values(expires_at=past))
        over = await access.signed_in(value)
        await access.sign_in(token)
        async with shelf.engine.connect() as connection:
            count = sa.select(sa.func.count()).select_from(tables.sessions)
            return over, (await connection.execute(count)).scalar_one()

    assert on_shelf(body) == (None, 1)


def test_the_list_tells_names_and_uses_but_no_secret(on_shelf):
    async def body(shelf):
        access = Access(shelf.engine)
        await access.add("bob")
        text = await access.add("ann")
        await access.token(text)
        return text, await access.all()

    text, listed = on_shelf(body)
    assert [(one.name, one.used_at is None) for one in listed] == [("ann", False), ("bob", True)]
    assert text not in repr(listed)


def test_a_use_is_written_down_at_most_once_an_hour(on_shelf):
    async def body(shelf):
        access = Access(shelf.engine)
        text = await access.add("ann")
        for _ in range(2):
            await access.token(text)
        (first,) = await access.all()
        old = replace(first, used_at=datetime.now(UTC) - timedelta(hours=2))
        async with shelf.engine.begin() as connection:
            await connection.execute(sa.update(tables.tokens).values(used_at=old.used_at))
        await access.token(text)
        (last,) = await access.all()
        return first.used_at, old.used_at, last.used_at

    first, old, last = on_shelf(body)
    assert old < first <= last


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "é", "a" * 41, "a\n"])
def test_a_name_that_is_none_is_refused(on_shelf, name):
    with pytest.raises(Invalid, match="1 to 40 letters"):
        on_shelf(lambda shelf: Access(shelf.engine).add(name))


def test_a_name_is_given_once(on_shelf):
    async def body(shelf):
        access = Access(shelf.engine)
        await access.add("ann")
        await access.add("ann")

    with pytest.raises(Invalid, match="that no token has"):
        on_shelf(body)


def test_removing_a_name_that_no_token_has_says_so(on_shelf):
    with pytest.raises(Invalid, match="that of a token"):
        on_shelf(lambda shelf: Access(shelf.engine).remove("bob"))
