"""The propagation page: what its address holds, and where an address leads."""

from __future__ import annotations

import dataclasses

import propagation_models as models
import pytest
from measurements import TEXT, Measurements, page
from starlette.datastructures import QueryParams

from app.web.propagation_choices import Choices, choices_of
from app.web.propagation_words import factor, share


@pytest.fixture
def measured(site):
    return Measurements(site)


def test_an_address_holds_only_what_is_not_the_default():
    assert Choices().query() == ""
    changed = Choices(seeds=4, schemes=("zeros",), own=True)
    assert changed.query() == "?schemes=zeros&seeds=4&own=1"


@pytest.mark.parametrize(
    "choices",
    [
        Choices(),
        Choices(act="Tanh", input="uniform01", mode="eval", dtype="float64"),
        Choices(own=True, schemes=()),
        Choices(input="a" * 32, net="b" * 32, weights="c" * 32, own=True, batch=3),
    ],
)
def test_an_address_leads_back_to_the_same_choices(choices):
    assert choices_of(QueryParams(choices.query().removeprefix("?"))) == choices


def test_nonsense_in_an_address_is_the_default():
    asked = "act=os.system&schemes=<b>&input=../x&seeds=-1&batch=x&mode=?&dtype=int8&net=%00&own=2"
    assert choices_of(QueryParams(asked)) == Choices()


def test_seeds_and_batch_have_limits():
    found = choices_of(QueryParams("seeds=99999&batch=99999"))
    assert (found.seeds, found.batch) == (64, 1024)


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0, "×0"), (0.92, "×0.92"), (7e-16, "×7·10⁻¹⁶"), (1234.0, "×1,234"), (None, "–")],
)
def test_a_factor_is_told_in_three_digits(value, told):
    assert factor(value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(3e-8, "< 0.0001 %"), (0.0, "0 %"), (0.184, "18 %"), (1.0, "100 %"), (None, "–")],
)
def test_an_input_share_below_rounding_is_told_as_a_limit(value, told):
    assert share(value) == told


def test_the_address_of_the_form_becomes_the_short_one(client, site):
    file = site.upload(TEXT, name="net.yaml")
    asked = "act=Tanh&input=normal&seeds=8&batch=64&mode=train&dtype=float32"
    answer = client.get(f"/m/{file}/propagation?{asked}")
    assert answer.headers["location"] == f"/m/{file}/propagation?act=Tanh"
    assert client.get(answer.headers["location"]).status_code == 200


def test_the_id_of_a_measurement_leads_to_its_page(client, measured):
    _, found = measured.order(Choices(seeds=3))
    answer = client.get(f"/m/{found.id}/propagation")
    assert answer.headers["location"] == f"/m/{found.network}/propagation?seeds=3"


def test_an_order_that_no_address_holds_is_shown_under_its_own_id(client, measured):
    file = measured.site.upload(TEXT, name="net.yaml")
    asked = Choices().asked(file)
    asked = dataclasses.replace(asked, order=dataclasses.replace(asked.order, device="cpu"))
    made = measured.store.accept(asked, again=False, enqueue=lambda _connection, _job: None)
    found = measured.site.call(made)
    measured.site.call(measured.store.finish(found.job, models.report(3), headline="told"))
    assert "Does the signal survive 3 layers?" in page(client, f"/m/{found.id}/propagation")


def test_an_unknown_id_is_not_found(client):
    assert client.get(f"/m/{'0' * 32}/propagation").status_code == 404
