from __future__ import annotations

import csv
import dataclasses
import io
import re
import xml.etree.ElementTree as ET

import propagation_models as models
import pytest
from starlette.datastructures import QueryParams

from app.architecture.understanding import understand
from app.core.graph import Inventory, InventoryLayer
from app.core.meanfield.step import WeightMoments
from app.core.plans import Choice, Plan
from app.core.propagation import CHECKPOINT
from app.errors import Invalid
from app.store.facts import Failure
from app.web.whatif_choices import Wish, wish_of

KAIMING = "kaiming_normal(fan_in,relu)"
MLP = b"input: [64]\n20 x [Linear(64, 64), ReLU()]\nLinear(64, 10)\n"
BLOCKS = b"""\
input: [64]
layers:
  - repeat:
      times: 4
      of:
        - residual: [LayerNorm(64), "Linear(64, 64)", ReLU(), "Linear(64, 64)"]
"""
STOPPING = b"input: [3, 9, 9]\nConv2d(3, 8, 3)\nLPPool2d(2, 2)\nConv2d(8, 8, 3)\n"
STORED = b"PK\x03\x04 a program that only a worker opens"


def page(client, address: str, status: int = 200) -> str:
    answer = client.get(address, headers={"accept": "text/html"})
    assert answer.status_code == status, answer.text[:300]
    return answer.text


def visible(text: str) -> str:
    return " ".join(re.sub(r"<script.*?</script>|<[^>]+>", " ", text, flags=re.DOTALL).split())


@pytest.fixture
def mlp(site):
    return f"/m/{site.upload(MLP, name='net.yaml')}/compare"


@pytest.fixture
def blocks(site):
    return f"/m/{site.upload(BLOCKS, name='blocks.yaml')}/compare"


class Measurements:
    """Measurements of a plan put into the store as a worker would."""

    def __init__(self, site) -> None:
        self.site = site
        self.store = site.services.propagations

    def order(self, wish: Wish, *, before: str, content: bytes = MLP, name: str = "net.yaml"):
        file = self.site.upload(content, name=name)
        asked = wish.asked(file, file, before)
        made = self.store.accept(asked, again=True, enqueue=lambda _connection, _job: None)
        return f"/m/{file}/compare{wish.query}", self.site.call(made)

    def finish(self, wish: Wish, *, before: str = "torch_default", moments=None, **where) -> str:
        address, found = self.order(wish, before=before, **where)
        report = measured_report(before)
        told = self.store.finish(found.job, report, headline="told", moments=moments)
        assert self.site.call(told)
        return address


def measured_report(before: str):
    """Of 21 layers, as they are and under a plan."""
    own = models.series(before, depth=21)
    plan = dataclasses.replace(models.series(KAIMING, depth=21), scheme="plan", name="Plan")
    return dataclasses.replace(models.report(21), series=(own, plan))


@pytest.fixture
def measured(site):
    return Measurements(site)


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


def test_a_hostile_address_is_a_page_that_escapes_it(client, mlp):
    text = page(client, f"{mlp}?act=<script>alert(1)</script>", 422)
    assert "expected an activation of torch.nn" in text
    assert "<script>alert" not in text


def test_nonsense_is_told_as_data_to_programs(client, mlp):
    answer = client.get(f"{mlp}.json?branch=-1")
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")


def test_a_file_that_is_not_there_is_a_404(client):
    assert client.get(f"/m/{'0' * 32}/compare").status_code == 404
    assert client.get(f"/m/{'0' * 32}/compare.json").json()["error"] == "not_found"


def test_theory_answers_at_once_for_a_network_of_text(client, mlp):
    text = visible(page(client, f"{mlp}?linear={KAIMING}&linear.bias=0"))
    assert "After: The signal stays between" in text
    assert "Before (PyTorch default): Outputs no longer depend on the input." in text
    assert "Measure it" in text


def test_only_the_kinds_of_layers_that_the_network_has_are_asked_for(client, mlp):
    names = set(re.findall(r'<(?:select|input)[^>]* name="([\w.]+)"', page(client, mlp)))
    assert names == {
        "linear",
        "linear.gain",
        "linear.bias",
        "base",
        "act",
        "from",
        "input",
        "batch",
    }


def test_residual_branches_are_scaled_by_presets_with_their_number(client, blocks):
    text = page(client, blocks)
    assert "4 residual branches" in text
    assert "1/√4 = 0.5" in text
    assert 'name="normalisation"' in text
    assert '?branch=0.5"' in text


def test_the_table_tells_what_changes(client, mlp):
    told = client.get(f"{mlp}.json?linear={KAIMING}&linear.bias=0&act=GELU").json()["changes"]
    lines = {(line["name"], line["part"]): line for line in told}
    weight = lines["Linear 64 × 64", "weight"]
    # U(±1/√64) has std 0.125/√3; Kaiming's is √(2/64): √6 = 2.449 times that
    assert weight["before"] == "uniform ±0.125, std 0.07217"
    assert weight["after"] == "normal, std 0.1768"
    assert weight["factor"] == "×2.45"
    assert weight["count"] == "× 20"
    assert lines["Linear 64", "bias"]["after"] == "all 0"
    assert (lines["Activation", ""]["before"], lines["Activation", ""]["after"]) == ("ReLU", "GELU")


def test_a_plan_that_changes_nothing_says_so(client, mlp):
    text = visible(page(client, mlp))
    assert "The plan changes nothing yet." in text
    assert "Nothing yet: choose what to draw the layers from" in text


def test_the_form_of_a_browser_without_scripts_leads_to_the_plain_address(client, mlp):
    form = f"linear={KAIMING}&linear.gain=1.2&linear.bias=&base=&act=&from=&input=&batch="
    answer = client.get(f"{mlp}?{form}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{mlp}?linear={KAIMING}&linear.gain=1.2"


def test_the_part_that_changes_is_answered_alone(client, mlp):
    text = client.get(f"{mlp}/shown?linear={KAIMING}").text
    assert text.lstrip().startswith("<div data-state")
    assert f'data-query="?linear={KAIMING}"' in text


def test_the_code_is_asked_for_with_the_same_plan(client, mlp):
    text = page(client, f"{mlp}?linear={KAIMING}&branch=0&batch=16")
    code = mlp.replace("/compare", "/code")
    assert f'href="{code}?linear={KAIMING}&amp;branch=0&amp;batch=16"' in text


def test_before_and_after_stand_in_every_chart(client, mlp):
    for key in ("forward", "backward", "share"):
        answer = client.get(f"{mlp}/chart/{key}.svg?linear={KAIMING}")
        assert answer.headers["content-type"] == "image/svg+xml"
        texts = {node.text for node in ET.fromstring(answer.text).iter() if node.text}
        assert {"Before", "After"} <= texts


def test_theory_is_dashed_as_long_as_nothing_is_measured(client, mlp):
    drawn = client.get(f"{mlp}/chart/forward.svg?linear={KAIMING}").text
    assert drawn.count('stroke-dasharray="6 4"') == 2


def test_an_input_share_that_is_rounding_is_not_drawn_as_zero(client, mlp):
    text = client.get(f"{mlp}/shown?linear.gain=0.5").text
    assert "exactly 0" not in text
    assert "&lt; 0.0001 %" in text


def test_the_numbers_of_a_chart_are_a_table(client, mlp):
    answer = client.get(f"{mlp}/chart/forward.csv?linear={KAIMING}")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) > 21
    whole = list(csv.DictReader(io.StringIO(client.get(f"{mlp}.csv?linear={KAIMING}").text)))
    assert {row["series"] for row in whole} == {"Before (PyTorch default)", "After"}


def test_a_chart_that_there_is_not_is_a_404(client, mlp):
    assert client.get(f"{mlp}/chart/nothing.svg").status_code == 404


def test_the_data_tell_theory_operation_by_operation(client, mlp):
    told = client.get(f"{mlp}.json?linear={KAIMING}&linear.bias=0").json()
    first = told["after"]["layers"][0]
    assert told["plan"] == {"linear": KAIMING, "linear.bias": "0"}
    # E x² = 1 and fan_in · Var w = 2: the first layer's rms is √2 whatever the width
    assert first["theory"]["rms"] == pytest.approx(2**0.5)
    assert first["theory"]["rms_band"][0] < first["theory"]["rms_median"] < first["theory"]["rms"]
    assert told["after"]["stops"] == []


def test_where_theory_stops_the_page_says_at_which_operation(client, site):
    file = site.upload(STOPPING, name="odd.yaml")
    stop = client.get(f"/m/{file}/compare.json").json()["after"]["stops"][0]
    text = visible(page(client, f"/m/{file}/compare"))
    assert f"Theory stops at {stop['node']}: {stop['reason']}." in text


def test_inputs_may_be_uniform(client, mlp):
    told = client.get(f"{mlp}.json?input=uniform01&from={KAIMING}").json()
    # E x² = 1/3 of torch.rand, times fan_in · Var w = 2, plus the bias: 1/(3·64)
    rms = told["before"]["layers"][0]["theory"]["rms"]
    assert rms == pytest.approx((2 / 3 + 1 / 192) ** 0.5, rel=1e-6)


def test_a_measurement_of_the_plan_is_ordered_by_a_button(client, site, mlp):
    answer = client.post(f"{mlp}?linear={KAIMING}", headers={"origin": "http://localhost:8000"})
    assert answer.status_code == 303
    text = page(client, answer.headers["location"])
    assert "Waiting for a free worker" in text
    assert "Measure it" not in text
    status = client.get(f"{mlp}/measurement.json?linear={KAIMING}").json()
    assert status["state"] == "queued"
    found = site.call(site.services.propagations.of(mlp.split("/")[2]))[0]
    assert found.order.schemes == ("torch_default",)
    assert found.order.plan == Plan(choices={"linear": Choice(scheme=KAIMING)})


def test_a_measurement_can_be_stopped(client, mlp):
    origin = {"origin": "http://localhost:8000"}
    client.post(f"{mlp}?linear={KAIMING}", headers=origin)
    client.post(f"{mlp}/measurement/cancel?linear={KAIMING}", headers=origin)
    assert "The measurement was cancelled." in page(client, f"{mlp}?linear={KAIMING}")


def test_nobody_asked_for_a_measurement_is_null(client, mlp):
    assert client.get(f"{mlp}/measurement.json").json() is None


PLAN = Wish(plan=Plan(choices={"linear": Choice(scheme=KAIMING)}))


def test_what_was_measured_stands_beside_theory(client, measured):
    text = visible(page(client, measured.finish(PLAN)))
    assert "before, measured" in text
    assert "Measure again" in text
    assert "lowest to highest seed" in text


def test_measured_lines_are_solid_and_their_theory_is_dashed(client, measured):
    address = measured.finish(PLAN).replace("/compare", "/compare/chart/forward.svg")
    paths = re.findall(r"<path[^>]*stroke-width=\"1.8\"[^>]*>", client.get(address).text)
    assert len([path for path in paths if "dasharray" not in path]) >= 2


def test_what_was_measured_for_another_plan_still_shows_before(client, measured):
    address = measured.finish(PLAN).partition("?")[0]
    told = client.get(f"{address}.json?linear=lecun_normal").json()
    assert told["measurement"] == {"state": None, "before": True, "after": False}


def test_a_failed_measurement_says_why(client, site, measured):
    address, found = measured.order(PLAN, before="torch_default")
    failure = Failure(code="cannot_run", message="It ran out of <b>.", hint="Try less.")
    assert site.call(measured.store.fail(found.job, failure))
    assert "It ran out of &lt;b&gt;." in page(client, address)


def test_a_measured_plan_is_found_by_its_own_address(client, measured):
    _, found = measured.order(PLAN, before="torch_default")
    answer = client.get(f"/m/{found.id}/propagation")
    assert answer.headers["location"] == f"/m/{found.id}/compare"
    there = client.get(f"/m/{found.id}/compare").headers["location"]
    assert there == f"/m/{found.network}/compare?linear={KAIMING}&from=torch_default"


def test_a_plan_is_not_what_the_propagation_page_shows(client, measured):
    address = measured.finish(PLAN).partition("?")[0].replace("/compare", "/propagation")
    assert "Not measured yet." in page(client, address)


OWN = {
    f"{2 * at}.{name}": WeightMoments(mean=0.0, second=0.03 if name == "weight" else 0.0)
    for at in range(21)
    for name in ("weight", "bias")
}


@pytest.fixture
def own(measured):
    """A network whose own weights were measured."""
    address = measured.finish(PLAN, before=CHECKPOINT, moments=OWN)
    return address.partition("?")[0]


def test_own_weights_are_what_a_plan_is_laid_over_once_they_are_known(client, own):
    told = client.get(f"{own}.json?linear={KAIMING}").json()
    assert told["from"] == CHECKPOINT
    # E x² = 1 and 64 · 0.03 of the weights' own second moment
    assert told["before"]["layers"][0]["theory"]["rms"] == pytest.approx((64 * 0.03) ** 0.5)


def test_own_weights_can_be_kept_and_scaled(client, own):
    told = client.get(f"{own}.json?base=checkpoint&linear.gain=2").json()
    assert told["after"]["layers"][0]["theory"]["rms"] == pytest.approx(2 * (64 * 0.03) ** 0.5)
    weight = next(line for line in told["changes"] if line["name"] == "Linear 64 × 64")
    assert (weight["before"], weight["factor"]) == ("the file's own, std 0.1732", "×2")


def test_own_weights_that_nobody_measured_are_said_to_be_unknown(client, site):
    file = site.upload(MLP, name="net.yaml")
    text = visible(page(client, f"/m/{file}/compare?from=checkpoint"))
    assert "Theory knows nothing of your weights yet" in text


def test_a_network_that_only_a_worker_reads_is_read_on_order(client, site):
    address = f"/m/{site.upload(STORED, name='program.pt2')}/compare"
    assert "Read and measure it" in page(client, address)
    assert client.get(f"{address}.json").json()["after"] is None
    assert client.get(f"{address}/shown").status_code == 404
    client.post(address, headers={"origin": "http://localhost:8000"})
    assert "Waiting for a free worker" in page(client, address)


def test_a_network_that_a_worker_has_read_answers_at_once(client, site, measured):
    address, found = measured.order(Wish(), before="torch_default", content=STORED, name="a.pt2")
    graph = understand(MLP.decode())
    assert site.call(measured.store.understood(found.job, graph, parcel=b"{}"))
    text = visible(page(client, f"{address}?linear={KAIMING}"))
    assert "After: The signal stays between" in text


def test_a_network_whose_run_is_not_known_suggests_one(client, site, measured):
    address, found = measured.order(Wish(), before="torch_default", content=STORED, name="a.pt")
    layer = InventoryLayer(path="a", kind="Linear", text="", parameters=4)
    known = Inventory(
        origin="state dict", layers=(layer,), reason="It has no forward.", suggestion="Linear(2, 2)"
    )
    assert site.call(measured.store.understood(found.job, known, parcel=b"{}"))
    text = page(client, address)
    assert "Linear(2, 2)" in text
    assert "Edit and measure" in text
    assert client.get(f"{address}/shown").status_code == 422


def test_the_pages_of_a_network_lead_to_each_other(client, mlp):
    text = page(client, mlp)
    stem = mlp.removesuffix("/compare")
    assert f'<a href="{stem}/propagation"' in text
    assert f'<a href="{stem}/code"' in text
    assert f'<a href="{mlp}"' in page(client, f"{stem}/propagation")


def test_a_name_that_means_harm_is_only_text(client, site):
    file = site.upload(MLP, name="<script>alert(1)</script>.yaml")
    assert "<script>alert" not in page(client, f"/m/{file}/compare")


def test_suggestions_are_plans_of_their_own_that_set_the_form(client, mlp):
    text = client.get(f"{mlp}/suggestions").text
    link = re.search(r'<a href="([^"]+)" data-sets>([^<]+)</a>', text)
    assert link is not None
    assert link[2].startswith("He")  # √2 for ReLU
    assert link[1].replace("&amp;", "&") == f"{mlp}?linear={KAIMING}&linear.bias=0"


def test_where_nothing_is_better_no_suggestion_is_made(client, mlp):
    text = client.get(f"{mlp}/suggestions?linear={KAIMING}&linear.bias=0").text
    assert "data-sets" not in text
    assert "Nothing: of the changes that it knows" in text


def test_suggestions_need_no_script(client, mlp):
    link = re.search(r'<noscript>\s*<p><a href="([^"]+)"', page(client, mlp))
    assert link is not None
    assert "He&#39;s gain √2" in page(client, link[1].replace("&amp;", "&"))


def test_the_residual_stream_has_lines_of_its_own(client, blocks):
    text = visible(page(client, f"{blocks}?branch=0.5"))
    assert "Signal along the residual stream, 4 sums" in text


def test_theory_that_stops_half_way_judges_nothing(client, site):
    file = site.upload(STOPPING, name="odd.yaml")
    text = page(client, f"/m/{file}/compare")
    assert 'data-sign="not_judged"' in text
    assert "A measurement goes on." in text
    assert "theory does not reach all" in client.get(f"/m/{file}/compare/suggestions").text


def test_a_plan_whose_numbers_leave_every_range_is_still_a_page(client, mlp):
    query = "linear=ones&linear.gain=1000000"  # q grows by 4e15 a layer: beyond 1e308 at the end
    text = page(client, f"{mlp}?{query}")
    assert 'data-sign="problem"' in text or 'data-sign="not_judged"' in text
    assert client.get(f"{mlp}/suggestions?{query}").status_code == 200


@pytest.mark.parametrize("field", ["net", "weights"])
def test_a_file_that_the_address_names_must_be_there(client, mlp, field):
    assert client.get(f"{mlp}?{field}={'0' * 32}").status_code == 404
