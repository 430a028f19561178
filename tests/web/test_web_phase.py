from __future__ import annotations

import csv
import io
import math
import xml.etree.ElementTree as ET

import pytest
from starlette.datastructures import QueryParams

from app.architecture.understanding import understand
from app.web.phase_choices import PhaseChoices, phase_choices
from app.web.propagation_choices import Choices

MLP = "input: [128]\nlayers:\n" + "".join("  - Linear(128, 128)\n  - Tanh()\n" for _ in range(40))
NORMED = "input: [16]\nlayers:\n  - Linear(16, 16)\n  - LayerNorm(16)\n  - Mish()\n"


@pytest.fixture
def network(site):
    """Puts a network into the store, understood as a worker leaves it."""

    def put(text: str, *, name: str = "net.yaml") -> str:
        store = site.services.propagations
        file = site.upload(text.encode(), name=name)
        asked = Choices().asked(file)
        made = site.call(store.accept(asked, again=True, enqueue=lambda _connection, _job: None))
        assert site.call(store.understood(made.job, understand(text), parcel=b"{}"))
        return f"/m/{file}/phase"

    return put


def page(client, address: str, status: int = 200) -> str:
    answer = client.get(address, headers={"accept": "text/html"})
    assert answer.status_code == status, answer.text[:300]
    return answer.text


def test_an_address_is_read_whatever_its_case_and_nonsense_is_left_out():
    found = phase_choices(QueryParams("act=tanh&sw=1.3&sb=0.05"))
    assert found == PhaseChoices(act="Tanh", sigma_w=1.3, sigma_b=0.05)
    assert found.query() == "?act=Tanh&sw=1.3&sb=0.05"
    assert phase_choices(QueryParams("act=x&sw=nan&sb=much&scheme=y")) == PhaseChoices()


@pytest.mark.parametrize(("asked", "kept"), [("-3", 0.01), ("0", 0.01), ("1e9", 100.0)])
def test_a_size_beyond_sense_is_brought_back(asked, kept):
    assert phase_choices(QueryParams(f"sw={asked}")).sigma_w == kept


def test_a_chaotic_layer_is_told_with_its_numbers(client):
    shown = page(client, "/phase?act=tanh&sw=1.3&sb=0.05")
    assert "Chaotic: two inputs part to a correlation of 0.17" in shown
    assert "0.416" in shown
    assert "σ_w = 1.123" in shown


def test_without_biases_tanhs_edge_is_where_q_falls_to_0(client):
    shown = page(client, "/phase?act=Tanh&sw=1.593&sb=0")
    assert "σ_w = 1.000, q\u00a0→\u00a00" in shown
    assert "no edge of chaos" not in shown


def test_without_biases_gelu_is_said_to_fade_or_explode(client):
    """1/√E φ² of a unit normal is 1.5335."""
    shown = page(client, "/phase?act=GELU&sw=1.414&sb=0")
    assert "from q = 1 the signal fades to 0 up to σ_w = 1.534 and explodes beyond it" in shown
    assert "before χ₁ reaches 1" not in shown


def test_layers_with_something_between_them_are_no_problem_by_themselves(client, network):
    shown = page(client, f"{network(NORMED)}?sw=0.5&sb=0")
    assert "The signal fades to 0" in shown
    assert ", were there nothing between them." in shown
    assert 'data-sign="problem"' not in shown


def test_an_ordered_layer_says_within_how_many_layers_inputs_become_alike(client):
    """Default ReLU: χ₁ = 1/6, so 1 % is left after log 100/log 6 = 2.57 layers."""
    shown = page(client, "/phase?act=relu&sw=0.57735&sb=0.025516")
    assert "two inputs become alike within 3 layers" in shown
    assert "falls by ×0.408 a layer" in shown


def test_he_relu_is_on_the_edge_and_has_no_chaos(client):
    shown = page(client, "/phase?act=relu&sw=1.4142135623730951&sb=0")
    assert "On the edge of chaos" in shown
    assert "ReLU has no scale of its own" in shown


def test_gelu_with_hes_gain_fades(client):
    shown = page(client, "/phase?act=gelu&sw=1.4142135623730951&sb=0")
    assert "The signal fades to 0: q falls by ×0.5 a layer." in shown


def test_a_gain_too_large_explodes(client):
    assert "The signal explodes" in page(client, "/phase?act=relu&sw=1.6&sb=0.1")


def test_the_document_holds_the_numbers_of_the_page(client):
    found = client.get("/phase.json?act=tanh&sw=1.3&sb=0.05").json()
    assert found["fixed_point"]["phase"] == "chaotic"
    assert found["fixed_point"]["q"] == pytest.approx(0.4156973420551931, rel=1e-9)
    assert found["edge"]["sigma_w"] == pytest.approx(math.sqrt(1.2600938172290603), rel=1e-6)
    assert found["unit_gain"] == pytest.approx(1.59254, abs=6e-6)
    assert found["network"] is None


def test_the_edge_of_chaos_comes_as_a_table(client):
    rows = list(csv.DictReader(io.StringIO(client.get("/phase.csv?act=tanh").text)))
    edge = [row for row in rows if row["line"] == "edge of chaos"]
    assert (float(edge[0]["sigma_w"]), float(edge[0]["sigma_b"])) == (pytest.approx(1.0), 0.0)
    assert len(edge) == 61


@pytest.mark.parametrize("key", ["plane", "length", "correlation"])
def test_every_figure_has_its_files(client, network, key):
    for address in ("/phase", network(MLP)):
        drawing = client.get(f"{address}/{key}.svg?theme=dark")
        assert drawing.headers["content-type"].startswith("image/svg+xml")
        ET.fromstring(drawing.text)
        assert client.get(f"{address}/{key}.csv").headers["content-type"].startswith("text/csv")
    assert client.get(f"/phase/{key}.gif").status_code == 404


def test_a_figure_that_there_is_none_of_is_not_found(client):
    assert client.get("/phase/nothing.svg").status_code == 404
    assert client.get("/phase/nothing.csv").status_code == 404


def test_a_networks_layers_stand_where_its_scheme_draws_them(client, network):
    """Default Linear(128) under Tanh: χ₁ is nearly 1/3, so log 100/log 3 = 4.2 layers."""
    shown = page(client, network(MLP))
    assert (
        "All 40 layers lie in the ordered phase: two inputs become alike within 5 layers." in shown
    )
    assert "Phases of Tanh" in shown
    assert 'value="0.5774"' in shown


def test_another_scheme_moves_the_layers(client, network):
    address = f"{network(MLP)}?scheme=xavier_uniform(gain%3D1)"
    found = client.get(address.replace("/phase?", "/phase.json?")).json()["network"]
    assert found["scheme"] == "xavier_uniform(gain=1)"
    assert found["layers"][0]["sigma_w_squared"] == pytest.approx(1.0)
    assert page(client, address).count("selected") >= 2


def test_every_layer_is_in_the_table_of_the_network(client, network):
    rows = list(csv.DictReader(io.StringIO(client.get(f"{network(MLP)}.csv").text)))
    assert len(rows) == 40
    assert (rows[0]["layer"], rows[0]["phase"]) == ("0.weight", "ordered")


def test_a_network_with_norms_is_told_to_be_read_with_care(client, network):
    shown = page(client, network(NORMED))
    assert "1 normalisation" in shown
    assert "Phases of Mish" in shown


def test_a_checkpoints_layers_stand_where_its_values_do(client, site):
    run = site.submit()
    site.finish(run, [site.tensor(0, "a.weight")])
    shown = page(client, f"/m/{run}/phase")
    assert "with your weights" in shown
    assert "The file does not tell its activations" in shown


def test_of_layers_that_all_differ_the_middle_is_chosen(client, site):
    """fan_in 4 and stds .2, .4, .6: σ_w = 2·.4; the tensors' mean of .01 adds 1e-4 to E w²."""
    run = site.submit()
    stds = enumerate((0.2, 0.4, 0.6))
    site.finish(run, [site.tensor(at, f"{at}.weight", std=std) for at, std in stds])
    found = client.get(f"/m/{run}/phase.json").json()
    assert found["sigma_w"] == pytest.approx(2 * math.sqrt(0.1601), rel=1e-3)
    assert len(found["network"]["layers"]) == 3


def test_a_file_of_which_nothing_is_known_says_what_to_do(client, site):
    file = site.upload(b"Linear(4, 4)\n", name="net.yaml")
    assert "measure its propagation first" in page(client, f"/m/{file}/phase")


def test_an_unknown_file_is_not_found(client):
    page(client, f"/m/{'0' * 32}/phase", status=404)


def test_a_hostile_name_stays_text(client, network):
    hostile = "<img src=x onerror=alert(1)>"
    assert hostile not in page(client, network(MLP, name=hostile))
