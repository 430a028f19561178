"""The What if page's address: what it asks for, and what nonsense in it is told."""

from __future__ import annotations

import pytest
from measurements import page
from planned_measurements import KAIMING, MLP
from starlette.datastructures import QueryParams

from app.core.plans import Choice, Plan
from app.core.propagation import CHECKPOINT
from app.errors import Invalid
from app.web.whatif_choices import Wish, wish_of


def test_an_address_holds_only_what_is_not_the_default():
    assert Wish().query == ""
    plan = Plan(choices={"linear": Choice(scheme=KAIMING, gain=1.2)}, branch=0.25)
    assert Wish(plan=plan, batch=16).query == (
        f"?linear={KAIMING}&linear.gain=1.2&branch=0.25&batch=16"
    )


@pytest.mark.parametrize(
    "wish",
    [
        Wish(),
        Wish(plan=Plan(activation="GELU", normalisation="none", branch=0.0), input="uniform01"),
        Wish(before=CHECKPOINT, net="b" * 32, weights="c" * 32, batch=3),
        Wish(plan=Plan(base=CHECKPOINT, choices={"linear": Choice(gain=0.5, bias=-1.5)})),
    ],
)
def test_an_address_leads_back_to_the_same_state(wish):
    assert wish_of(QueryParams(wish.query.removeprefix("?"))) == wish


def test_a_scheme_to_compare_with_is_the_base_of_the_plan():
    assert wish_of(QueryParams("to=lecun_normal")).plan == Plan(base="lecun_normal")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("linear=<script>", "linear is not valid: expected an id of GET /api/v1/schemes"),
        ("linear.gain=-1", "linear.gain is not valid: expected a number above 0"),
        ("linear.gain=nan", "linear.gain is not valid: expected a number such as 1.5"),
        ("act=os.system", "act is not valid: expected an activation of torch.nn"),
        ("normalisation=x", "normalisation is not valid: expected none, BatchNorm"),
        ("branch=1e99", "branch is not valid"),
        ("from=nobody", "from is not valid: expected checkpoint for your weights"),
        ("input=cauchy", "input is not valid: expected normal or uniform01"),
        ("batch=0", "batch is not valid: expected a whole number from 1 to 1,024"),
        ("batch=" + "9" * 5000, "batch is not valid"),
        ("net=../../etc/passwd", "net is not valid: expected the id of a file"),
    ],
)
def test_nonsense_in_an_address_is_told_in_a_sentence(query, said):
    with pytest.raises(Invalid) as problem:
        wish_of(QueryParams(query))
    assert problem.value.message.startswith(said)
    assert len(problem.value.message) < 400


def test_a_hostile_address_is_a_page_that_escapes_it(client, whatif):
    text = page(client, f"{whatif}?act=<script>alert(1)</script>", 422)
    assert "expected an activation of torch.nn" in text
    assert "<script>alert" not in text


def test_nonsense_is_told_as_data_to_programs(client, whatif):
    answer = client.get(f"{whatif}.json?branch=-1")
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")


def test_a_file_that_is_not_there_is_a_404(client):
    assert client.get(f"/m/{'0' * 32}/compare").status_code == 404
    assert client.get(f"/m/{'0' * 32}/compare.json").json()["error"] == "not_found"


@pytest.mark.parametrize("field", ["net", "weights"])
def test_a_file_that_the_address_names_must_be_there(client, whatif, field):
    assert client.get(f"{whatif}?{field}={'0' * 32}").status_code == 404


def test_a_chart_that_there_is_not_is_a_404(client, whatif):
    assert client.get(f"{whatif}/chart/nothing.svg").status_code == 404


def test_the_form_of_a_browser_without_scripts_leads_to_the_plain_address(client, whatif):
    form = f"linear={KAIMING}&linear.gain=1.2&linear.bias=&base=&act=&from=&input=&batch="
    answer = client.get(f"{whatif}?{form}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{whatif}?linear={KAIMING}&linear.gain=1.2"


def test_the_code_is_asked_for_with_the_same_plan(client, whatif):
    text = page(client, f"{whatif}?linear={KAIMING}&branch=0&batch=16")
    code = whatif.replace("/compare", "/code")
    assert f'href="{code}?linear={KAIMING}&amp;branch=0&amp;batch=16"' in text


def test_the_pages_of_a_network_lead_to_each_other(client, whatif):
    text = page(client, whatif)
    stem = whatif.removesuffix("/compare")
    assert f'<a href="{stem}/propagation"' in text
    assert f'<a href="{stem}/code"' in text
    assert f'<a href="{whatif}"' in page(client, f"{stem}/propagation")


def test_a_name_that_means_harm_is_only_text(client, site):
    file = site.upload(MLP, name="<script>alert(1)</script>.yaml")
    assert "<script>alert" not in page(client, f"/m/{file}/compare")
