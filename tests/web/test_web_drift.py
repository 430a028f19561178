"""Two checkpoints beside each other: page, twins, orders and API, on what a worker would write."""

from __future__ import annotations

import csv
import io

import pytest

from app.core.comparison import SCHEMA, ComparisonReport, Pair
from app.core.drift import Drift
from app.store import documents

HOSTILE = "<script>alert(1)</script>\u202e.weight"


def drift(**changes) -> Drift:
    facts = {
        "count": 16,
        "unchanged": 0,
        "nonfinite_before": 0,
        "nonfinite_after": 0,
        "relative": 0.25,
        "step": 0.25,
        "cosine": 0.97,
        "correlation": 0.97,
        "max_change": 0.5,
        "mean_before": 0.0,
        "mean_after": 0.01,
        "std_before": 0.2,
        "std_after": 0.21,
    }
    return Drift(**{**facts, **changes})


STILL = drift(unchanged=16, relative=0.0, step=0.0, cosine=1.0, correlation=1.0, max_change=0.0)


def pair(index: int, name: str, found: Drift | None) -> Pair:
    return Pair(
        name=name,
        before=index,
        after=index,
        shape=(4, 4),
        dtypes=("float32", "float32"),
        compared_as=None,
        kind="Linear",
        role="weight",
        weight=True,
        drift=found,
    )


def report(*pairs: Pair) -> ComparisonReport:
    return ComparisonReport(
        schema=SCHEMA,
        pairs=pairs,
        reshaped=(),
        missing=(),
        added=(),
        prefixes=("", ""),
        by_order=False,
        left_out=0,
    )


@pytest.fixture
def two(site):
    """The ids of two analysed files."""
    ids = []
    for shape in ((4, 4), (4, 5)):
        run = site.submit(site.safetensors(w=shape), name=f"{shape[1]}.safetensors")
        site.finish(run, [site.tensor(0, "0.weight"), site.tensor(1, HOSTILE)])
        ids.append(run)
    return tuple(ids)


def compared(site, two, *pairs: Pair) -> str:
    """The address of a finished comparison."""
    first, second = two
    answer = site.client.post("/api/v1/comparisons", json={"before": first, "after": second})
    assert answer.status_code == 202, answer.text
    comparisons = site.services.comparisons
    job = site.call(comparisons.between(first, second)).job
    found = report(*(pairs or (pair(0, "0.weight", drift()), pair(1, HOSTILE, STILL))))
    assert site.call(comparisons.finish(job, document=documents.dump(found)))
    return f"/m/{first}/compare?to={second}"


def test_the_page_says_what_moved(site, two):
    text = site.client.get(compared(site, two)).text
    assert "1 of 2 weight tensors moved; 1 never did" in text
    assert 'aria-label="Drift of each tensor, scrollable"' in text


def test_a_hostile_name_does_nothing(site, two):
    text = site.client.get(compared(site, two)).text
    assert "<script>alert" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩" in text


def test_before_anyone_asked_the_page_offers_to_compare(site, two):
    answer = site.client.get(f"/m/{two[0]}/compare?to={two[1]}")
    assert answer.status_code == 200
    assert "These two files have not been compared." in answer.text


def test_while_it_is_on_its_way_the_page_keeps_asking(site, two):
    site.client.post(f"/m/{two[0]}/compare/with", data={"to": two[1]})
    text = site.client.get(f"/m/{two[0]}/compare?to={two[1]}").text
    assert f'data-seed="/m/{two[0]}/compare/status.json?to={two[1]}"' in text
    status = site.client.get(f"/m/{two[0]}/compare/status.json?to={two[1]}").json()
    assert (status["state"], status["percent"]) == ("queued", None)


def test_files_that_nobody_analysed_are_compared_without_laws(site):
    ids = [site.upload(site.safetensors(w=shape)) for shape in ((2, 2), (2, 3))]
    text = site.client.get(compared(site, ids)).text
    assert "is not analysed, so laws are not compared yet." in text


def test_the_choice_lists_the_other_reports(site, two):
    text = site.client.get(f"/m/{two[0]}/compare/with").text
    assert f'value="{two[1]}"' in text
    assert f'value="{two[0]}"' not in text


def test_choosing_one_orders_the_comparison(site, two):
    answer = site.client.post(f"/m/{two[0]}/compare/with", data={"to": two[1]})
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/m/{two[0]}/compare?to={two[1]}",
    )
    assert site.call(site.services.comparisons.between(*two)).state == "queued"


def test_a_file_that_is_sent_is_analysed_and_compared(site, two):
    content = site.safetensors(other=(3, 3))
    answer = site.client.post(
        f"/m/{two[0]}/compare/upload", files={"file": ("c.safetensors", content)}
    )
    other = answer.headers["location"].rpartition("=")[2]
    assert answer.status_code == 303
    assert site.call(site.services.runs.run(other)).state == "queued"
    assert site.call(site.services.comparisons.between(two[0], other)).state == "queued"


def test_the_same_bytes_are_not_compared(site, two):
    answer = site.client.post("/api/v1/comparisons", json={"before": two[0], "after": two[0]})
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")


def test_an_unknown_file_is_not_found(site, two):
    order = {"before": two[0], "after": "0" * 32}
    assert site.client.post("/api/v1/comparisons", json=order).status_code == 404
    assert site.client.get(f"/m/{two[0]}/compare?to={'0' * 32}").status_code == 404


def test_the_api_tells_the_result(site, two):
    compared(site, two)
    order = {"before": two[0], "after": two[1]}
    again = site.client.post("/api/v1/comparisons", json=order)
    assert again.status_code == 200
    found = site.client.get(f"/api/v1/comparisons/{again.json()['id']}").json()
    assert (found["schema"], found["state"]) == (SCHEMA, "done")
    assert found["tensors"][0]["relative"] == 0.25
    assert found["tensors"][1]["movement"] == "unmoved"
    assert found["before"]["id"] == two[0]


def test_the_twins_hold_the_same_numbers(site, two):
    compared(site, two)
    query = f"?to={two[1]}"
    found = site.client.get(f"/m/{two[0]}/compare.json{query}").json()
    assert [one["unchanged"] for one in found["tensors"]] == [0, 16]
    text = site.client.get(f"/m/{two[0]}/compare.csv{query}").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["movement"] for row in rows] == ["moved", "unmoved"]
    drawn = site.client.get(f"/m/{two[0]}/compare/drift.svg{query}")
    assert drawn.headers["content-type"].startswith("image/svg+xml")


def test_twins_of_what_is_not_there_are_not_found(site, two):
    for twin in ("compare.json", "compare.csv", "compare/drift.svg"):
        assert site.client.get(f"/m/{two[0]}/{twin}?to={two[1]}").status_code == 404


def test_it_can_be_called_off(site, two):
    order = {"before": two[0], "after": two[1]}
    made = site.client.post("/api/v1/comparisons", json=order).json()["id"]
    stopped = site.client.post(f"/api/v1/comparisons/{made}/cancel").json()
    assert stopped["state"] == "cancelled"
    assert "was cancelled" in site.client.get(f"/m/{two[0]}/compare?to={two[1]}").text


def test_it_can_be_deleted(site, two):
    order = {"before": two[0], "after": two[1]}
    made = site.client.post("/api/v1/comparisons", json=order).json()["id"]
    assert site.client.delete(f"/api/v1/comparisons/{made}").status_code == 204
    assert site.client.get(f"/api/v1/comparisons/{made}").status_code == 404


def test_it_goes_with_its_file(site, two):
    order = {"before": two[0], "after": two[1]}
    made = site.client.post("/api/v1/comparisons", json=order).json()["id"]
    assert site.client.delete(f"/api/v1/runs/{two[1]}").status_code == 204
    assert site.client.get(f"/api/v1/comparisons/{made}").status_code == 404


def test_a_failure_is_told_with_what_to_do(site, two):
    from app.store.facts import Failure

    site.client.post(f"/m/{two[0]}/compare/with", data={"to": two[1]})
    job = site.call(site.services.comparisons.between(*two)).job
    failure = Failure(code="out_of_memory", message="Too much.", hint="Raise the limit.")
    site.call(site.services.comparisons.fail(job, failure))
    text = site.client.get(f"/m/{two[0]}/compare?to={two[1]}").text
    assert "Too much." in text
    assert "Raise the limit." in text
    assert "Compare again" in text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["b.weight", "a.weight", "c.weight"]),
        ("&sort=drift", ["c.weight", "b.weight", "a.weight"]),
        ("&sort=name", ["a.weight", "b.weight", "c.weight"]),
        ("&kind=unmoved", ["a.weight"]),
        ("&q=c.w", ["c.weight"]),
        ("&q=nowhere", []),
    ],
)
def test_the_table_is_filtered_and_sorted(site, two, query, names):
    address = compared(
        site,
        two,
        pair(0, "b.weight", drift()),
        pair(1, "a.weight", STILL),
        pair(2, "c.weight", drift(relative=0.9)),
    )
    text = site.client.get(address + query).text
    body = text[text.index('<tbody role="rowgroup">') :]
    places = {name: body.find(f">{name}</bdi>") for name in ("a.weight", "b.weight", "c.weight")}
    found = [name for name, at in sorted(places.items(), key=lambda item: item[1]) if at >= 0]
    assert found == names


def many():
    return [pair(index, f"{index}.weight", drift()) for index in range(3001)]


def test_more_rows_than_a_page_holds_are_paged(site, two):
    address = compared(site, two, *many())
    first = site.client.get(address).text
    assert first.count('<tr role="row" data-sign=') == 500
    assert "page 1 of 7" in first
    assert ">3000.weight" not in first
    assert site.client.get(f"{address}&page=7").text.count('<tr role="row" data-sign=') == 1


def test_a_page_number_that_no_one_can_count_is_the_first_page(site, two):
    address = compared(site, two, *many())
    body = site.client.get(f"{address}&page={'9' * 5000}").text
    assert "page 1 of 7" in body


def test_nan_has_its_place_in_json(site, two):
    compared(site, two, pair(0, "a", drift(relative=None, cosine=None)), pair(1, "b", None))
    found = site.client.get(f"/m/{two[0]}/compare.json?to={two[1]}").json()
    assert found["tensors"][0]["relative"] is None
    assert found["tensors"][1]["count"] is None
