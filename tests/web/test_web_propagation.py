from __future__ import annotations

import csv
import dataclasses
import io
import re
import xml.etree.ElementTree as ET
from urllib.parse import quote

import propagation_models as models
import pytest
from starlette.datastructures import QueryParams

from app.core.graph import Inventory, InventoryLayer
from app.core.propagation import CHECKPOINT
from app.store.facts import Failure
from app.web.propagation_choices import SCHEMES, Choices, choices_of
from app.web.propagation_words import factor, share

TEXT = b"Linear(32, 32)\n"


class Measurements:
    """Measurements put into the store as a worker would."""

    def __init__(self, site) -> None:
        self.site = site
        self.store = site.services.propagations

    def order(self, choices: Choices | None = None, *, content: bytes = TEXT, name="net.yaml"):
        file = self.site.upload(content, name=name)
        asked = (choices or Choices()).asked(file)
        made = self.store.accept(asked, again=True, enqueue=lambda _connection, _job: None)
        return file, self.site.call(made)

    def finish(self, report, choices: Choices | None = None, **where) -> str:
        file, found = self.order(choices, **where)
        assert self.site.call(self.store.finish(found.job, report, headline="told"))
        return f"/m/{file}/propagation"


@pytest.fixture
def measured(site):
    return Measurements(site)


def page(client, address: str, status: int = 200) -> str:
    answer = client.get(address, headers={"accept": "text/html"})
    assert answer.status_code == status, answer.text[:300]
    return answer.text


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


def test_the_page_asks_of_the_depth_and_answers_for_the_own_weights_first(client, measured):
    own = Choices(own=True)
    address = measured.finish(models.report(40, dead=36), own) + own.query()
    text = page(client, address)
    assert "Does the signal survive 40 layers?" in text
    assert "Your weights: No gradient reaches the first layers." in text
    assert "Started fresh: only Kaiming normal keeps both the signal and the gradient" in text


def test_every_series_has_a_card_with_three_numbers(client, measured):
    text = page(client, measured.finish(models.report(40)))
    assert text.count("series-card f-") == 4
    assert text.count("input share at 40") == 4
    assert "&lt; 0.0001 %" in text


def test_every_operation_stands_in_the_page(client, measured):
    text = page(client, measured.finish(models.report(200)))
    assert text.count('class="o-name"') == 401  # with the heading
    assert "data-figure" in text


def test_zeros_are_told_in_the_page(client, measured):
    own = Choices(own=True)
    text = page(client, measured.finish(models.report(40, dead=36), own) + own.query())
    assert "Your weights: exactly 0 in layers 36–40" in text


@pytest.mark.parametrize("key", ["forward", "backward", "share", "dead"])
def test_every_chart_has_a_drawing_and_numbers_of_its_own(client, measured, key):
    address = measured.finish(models.report(4))
    drawing = client.get(f"{address}/{key}.svg?theme=dark")
    assert drawing.headers["content-type"] == "image/svg+xml"
    ET.fromstring(drawing.text)
    rows = list(csv.reader(io.StringIO(client.get(f"{address}/{key}.csv").text)))
    assert rows[0][:3] == ["layer", "operation", "torch_default"]
    assert len(rows) == 5


@pytest.mark.parametrize("scheme", ["torch_default", "kaiming_normal(fan_in,relu)"])
def test_every_heat_map_has_a_drawing_and_numbers_of_its_own(client, measured, scheme):
    address = f"{measured.finish(models.report(4))}/heat/{quote(scheme, safe='')}"
    ET.fromstring(client.get(f"{address}.svg").text)
    rows = list(csv.reader(io.StringIO(client.get(f"{address}.csv").text)))
    assert (len(rows), len(rows[0])) == (5, 132)


def test_a_scheme_with_a_slash_has_a_heat_map_too(client, measured):
    report = models.report(2, schemes=("torch_default",))
    one = dataclasses.replace(report.series[0], scheme="normal(1/24)")
    address = measured.finish(dataclasses.replace(report, series=(one,)))
    assert client.get(f"{address}/heat/normal%281%2F24%29.svg").status_code == 200


def test_a_chart_that_is_not_there_is_not_found(client, measured):
    address = measured.finish(models.report(2))
    assert client.get(f"{address}/saturated.svg").status_code == 404
    assert client.get(f"{address}/heat/zeros.svg").status_code == 404


def test_the_twin_is_the_document_and_its_histograms_are_asked_for(client, measured):
    address = measured.finish(models.report(2))
    document = client.get(f"{address}.json").json()
    assert document["schema"] == "initscope.propagation/1"
    assert "histogram" not in document["series"][0]["layers"][0]["forward"]
    whole = client.get(f"{address}.json?extra=hist").json()
    assert len(whole["series"][0]["layers"][0]["forward"]["histogram"]) == 130


def test_the_csv_has_a_row_for_each_operation_of_each_series(client, measured):
    rows = list(
        csv.DictReader(io.StringIO(client.get(measured.finish(models.report(3)) + ".csv").text))
    )
    assert len(rows) == 4 * 6
    assert {row["scheme"] for row in rows} == set(SCHEMES)


def test_numbers_that_are_missing_are_dashes(client, measured):
    found = models.with_layers(models.report(4), 0, backward=None)
    text = page(client, measured.finish(found))
    assert "<span>–</span>" in text


def test_hostile_names_are_escaped_everywhere(client, measured):
    found = models.report(3)
    one = dataclasses.replace(found.series[0], name=models.HOSTILE, notes=(models.HOSTILE,))
    hostile = dataclasses.replace(
        found,
        series=(one, *found.series[1:]),
        notes=(models.HOSTILE,),
        join={"unused": (models.HOSTILE,), "missing": ("a\u202eb",)},
    )
    hostile = models.with_layers(hostile, 0, name=models.HOSTILE, kind=models.HOSTILE)
    address = measured.finish(hostile, name=models.HOSTILE)
    text = page(client, address)
    assert "<img" not in text
    assert "\u202e" not in text
    for twin in ("/forward.svg", "/heat/torch_default.svg"):
        assert "<img" not in client.get(address + twin).text


def test_a_formula_for_a_name_is_no_formula_in_the_csv(client, measured):
    found = models.with_layers(models.report(2), 0, name="=cmd()")
    address = measured.finish(found)
    assert "'=cmd()" in client.get(f"{address}.csv").text
    assert "'=cmd()" in client.get(f"{address}/forward.csv").text


def test_theory_is_explained_where_it_is_drawn_and_nowhere_else(client, measured):
    plain = models.report(3)
    assert "theory" not in page(client, measured.finish(plain))
    told = models.with_layers(plain, 0, theory=models.theory(rms=0.7))
    assert "Dashed: theory for infinite width." in page(client, measured.finish(told))


def test_what_did_not_fit_is_listed(client, measured):
    found = dataclasses.replace(
        models.report(2), join={"missing": ("fc.weight",)}, notes=("ran by blocks of 3 layers",)
    )
    text = page(client, measured.finish(found))
    assert "Not in the file, so drawn: 1 parameter." in text
    assert "fc.weight" in text
    assert "ran by blocks of 3 layers" in text


def test_without_a_measurement_the_page_offers_one(client, site):
    file = site.upload(TEXT, name="net.yaml")
    text = page(client, f"/m/{file}/propagation")
    assert "Not measured yet." in text
    assert re.search(r'formmethod="post">\s+Measure\s', text)


def test_a_file_with_weights_offers_its_own_and_chooses_them(client, site):
    file = site.upload(site.safetensors(w=(2, 2)))
    text = page(client, f"/m/{file}/propagation")
    assert re.search(r'name="own" value="1" checked', text)


def test_the_address_of_the_form_becomes_the_short_one(client, site):
    file = site.upload(TEXT, name="net.yaml")
    asked = "act=Tanh&input=normal&seeds=8&batch=64&mode=train&dtype=float32"
    answer = client.get(f"/m/{file}/propagation?{asked}")
    assert answer.headers["location"] == f"/m/{file}/propagation?act=Tanh"
    assert client.get(answer.headers["location"]).status_code == 200


def test_measuring_keeps_the_choices_in_the_address_and_queues_an_order(client, site):
    file = site.upload(TEXT, name="net.yaml")
    form = {"schemes": ["zeros", "torch_default"], "seeds": "2", "act": "Tanh"}
    answer = client.post(f"/m/{file}/propagation", data=form)
    assert answer.status_code == 303
    assert answer.headers["location"].endswith(
        "?act=Tanh&schemes=zeros&schemes=torch_default&seeds=2"
    )
    found = site.call(site.services.propagations.of(file))
    assert [(one.state, one.order.activation) for one in found] == [("queued", "Tanh")]


def test_another_site_cannot_order_a_measurement(client, site):
    file = site.upload(TEXT, name="net.yaml")
    headers = {"origin": "https://evil.example"}
    assert client.post(f"/m/{file}/propagation", headers=headers).status_code == 403


def test_a_measurement_on_its_way_shows_how_far_it_is_and_stays_usable(client, measured):
    address = measured.finish(models.report(4))
    four = Choices(seeds=4)
    _, going = measured.order(four)
    told = measured.store.progress(going.job, step="measuring", done=3, total=32)
    assert measured.site.call(told)
    text = page(client, address + four.query())
    assert "Carrying inputs through the network: 3 of 32 …" in text
    assert "Below is an earlier measurement" in text
    assert "data-figure" in text
    status = client.get(f"{address}/status.json{four.query()}").json()
    assert (status["state"], status["percent"]) == ("running", 9.4)


def test_a_measurement_can_be_stopped(client, measured):
    file, _ = measured.order()
    answer = client.post(f"/m/{file}/propagation/cancel")
    assert answer.status_code == 303
    assert "The measurement was cancelled." in page(client, f"/m/{file}/propagation")


def test_a_measurement_can_be_deleted_with_the_file_that_nothing_else_needs(client, measured):
    address = measured.finish(models.report(2))
    assert client.post(f"{address}/delete").headers["location"] == "/"
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(("what", "field"), [("inputs", "input"), ("weights", "weights")])
def test_a_file_of_inputs_or_weights_joins_the_choices(client, site, what, field):
    network = site.upload(TEXT, name="net.yaml")
    sent = {"file": ("<b>batch.npy", b"\x93NUMPY", "application/octet-stream")}
    answer = client.post(f"/m/{network}/propagation/{what}?seeds=2", files=sent)
    query = QueryParams(answer.headers["location"].partition("?")[2])
    assert query["seeds"] == "2"
    assert site.call(site.services.runs.file(query[field])).name == "<b>batch.npy"
    text = page(client, answer.headers["location"])
    assert "<b>" not in text
    assert ("&lt;b&gt;batch.npy" in text) == (what == "inputs")


def test_measured_networks_are_listed_at_the_start(client, measured):
    address = measured.finish(models.report(2), name=models.HOSTILE)
    text = page(client, "/")
    assert "<img" not in text
    (found,) = client.get("/.json").json()["networks"]
    assert client.get(found["url"]).headers["location"] == address


def test_a_measurement_that_failed_says_why(client, measured):
    file, found = measured.order()
    failure = Failure(code="too_large", message="It needs 40 GB.", hint="Make it smaller.")
    assert measured.site.call(measured.store.fail(found.job, failure))
    text = page(client, f"/m/{file}/propagation")
    assert "It needs 40 GB." in text
    assert "Make it smaller." in text


def test_a_network_that_cannot_run_shows_its_inventory_and_a_network_to_edit(client, measured):
    file, found = measured.order(content=b"\x80\x02state", name="state.pt")
    layer = InventoryLayer(path="fc", kind="Linear", text="512, 10", parameters=5130)
    inventory = Inventory(
        origin="pickled module",
        layers=(layer,),
        reason="names and shapes do not say how they are used",
        suggestion="Linear(512, 10)\n</textarea><b>",
    )
    assert measured.site.call(measured.store.understood(found.job, inventory, parcel=b"{}"))
    failure = Failure(code="cannot_run", message="Said twice.", hint="")
    assert measured.site.call(measured.store.fail(found.job, failure))
    text = page(client, f"/m/{file}/propagation")
    assert "names and shapes do not say how they are used" in text
    assert "Edit and measure" in text
    assert "&lt;/textarea&gt;" in text
    assert "Said twice." not in text


def test_a_bare_state_dict_is_never_run_but_suggests_a_network(client, site):
    run = site.submit(site.safetensors(w=(4, 4)))
    weight = site.tensor(0, "fc.weight")
    bias = site.tensor(1, "fc.bias", shape=(4,), role="bias")
    site.finish(run, [weight, bias])
    text = page(client, f"/m/{run}/propagation")
    assert "Edit and measure" in text
    assert "Linear(4, 4)" in text
    assert f'name="weights" value="{run}"' in text
    assert 'formmethod="post"' not in text
    assert site.call(site.services.propagations.of(run)) == []


def test_the_suggested_network_can_be_edited(client):
    text = "# Suggested\n- Linear(4, 4)\n"
    assert "1 Linear layer" in page(client, f"/spec?net={quote(text)}")


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


def test_a_report_without_series_is_a_page_all_the_same(client, measured):
    empty = dataclasses.replace(models.report(2), series=())
    page(client, measured.finish(empty))


def test_a_network_from_a_text_has_no_layers_page(client, measured):
    text = page(client, measured.finish(models.report(2)))
    assert ">Layers</a>" not in text
    assert CHECKPOINT not in [line for line in text.splitlines() if "series-card" in line]
