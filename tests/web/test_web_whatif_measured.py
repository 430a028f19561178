"""A plan that was measured beside its theory, and the way there."""

from __future__ import annotations

import re

from measurements import page
from planned_measurements import KAIMING, KAIMING_PLAN, visible

from app.core.plans import Choice, Plan
from app.store.facts import Failure


def test_a_measurement_of_the_plan_is_ordered_by_a_button(client, site, whatif):
    answer = client.post(f"{whatif}?linear={KAIMING}", headers={"origin": "http://localhost:8000"})
    assert answer.status_code == 303
    text = page(client, answer.headers["location"])
    assert "Waiting for a free worker" in text
    assert "Measure it" not in text
    status = client.get(f"{whatif}/measurement.json?linear={KAIMING}").json()
    assert status["state"] == "queued"
    found = site.call(site.services.propagations.of(whatif.split("/")[2]))[0]
    assert found.order.schemes == ("torch_default",)
    assert found.order.plan == Plan(choices={"linear": Choice(scheme=KAIMING)})


def test_a_measurement_can_be_stopped(client, whatif):
    origin = {"origin": "http://localhost:8000"}
    client.post(f"{whatif}?linear={KAIMING}", headers=origin)
    client.post(f"{whatif}/measurement/cancel?linear={KAIMING}", headers=origin)
    assert "The measurement was cancelled." in page(client, f"{whatif}?linear={KAIMING}")


def test_nobody_asked_for_a_measurement_is_null(client, whatif):
    assert client.get(f"{whatif}/measurement.json").json() is None


def test_what_was_measured_stands_beside_theory(client, plans):
    text = visible(page(client, plans.finish(KAIMING_PLAN)))
    assert "before, measured" in text
    assert "Measure again" in text
    assert "lowest to highest seed" in text


def test_measured_lines_are_solid_and_their_theory_is_dashed(client, plans):
    address = plans.finish(KAIMING_PLAN).replace("/compare", "/compare/chart/forward.svg")
    paths = re.findall(r"<path[^>]*stroke-width=\"1.8\"[^>]*>", client.get(address).text)
    assert len([path for path in paths if "dasharray" not in path]) >= 2


def test_what_was_measured_for_another_plan_still_shows_before(client, plans):
    address = plans.finish(KAIMING_PLAN).partition("?")[0]
    told = client.get(f"{address}.json?linear=lecun_normal").json()
    assert told["measurement"] == {"state": None, "before": True, "after": False}


def test_a_failed_measurement_says_why(client, site, plans):
    address, found = plans.order(KAIMING_PLAN, before="torch_default")
    failure = Failure(code="cannot_run", message="It ran out of <b>.", hint="Try less.")
    assert site.call(plans.store.fail(found.job, failure))
    assert "It ran out of &lt;b&gt;." in page(client, address)


def test_a_measured_plan_is_found_by_its_own_address(client, plans):
    _, found = plans.order(KAIMING_PLAN, before="torch_default")
    answer = client.get(f"/m/{found.id}/propagation")
    assert answer.headers["location"] == f"/m/{found.id}/compare"
    there = client.get(f"/m/{found.id}/compare").headers["location"]
    assert there == f"/m/{found.network}/compare?linear={KAIMING}&from=torch_default"


def test_a_plan_is_not_what_the_propagation_page_shows(client, plans):
    address = plans.finish(KAIMING_PLAN).partition("?")[0].replace("/compare", "/propagation")
    assert "Not measured yet." in page(client, address)
