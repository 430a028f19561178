"""What theory says of a plan at once: the form, the table, the charts and the suggestions."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET

import pytest
from measurements import page
from planned_measurements import KAIMING, visible

BLOCKS = b"""\
input: [64]
layers:
  - repeat:
      times: 4
      of:
        - residual: [LayerNorm(64), "Linear(64, 64)", ReLU(), "Linear(64, 64)"]
"""
STOPPING = b"input: [3, 9, 9]\nConv2d(3, 8, 3)\nLPPool2d(2, 2)\nConv2d(8, 8, 3)\n"


@pytest.fixture
def blocks(site):
    return f"/m/{site.upload(BLOCKS, name='blocks.yaml')}/compare"


def test_theory_answers_at_once_for_a_network_of_text(client, whatif):
    text = visible(page(client, f"{whatif}?linear={KAIMING}&linear.bias=0"))
    assert "After: The signal stays between" in text
    assert "Before (PyTorch default): Outputs no longer depend on the input." in text
    assert "Measure it" in text


def test_only_the_kinds_of_layers_that_the_network_has_are_asked_for(client, whatif):
    names = set(re.findall(r'<(?:select|input)[^>]* name="([\w.]+)"', page(client, whatif)))
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


def test_the_table_tells_what_changes(client, whatif):
    told = client.get(f"{whatif}.json?linear={KAIMING}&linear.bias=0&act=GELU").json()["changes"]
    lines = {(line["name"], line["part"]): line for line in told}
    weight = lines["Linear 64 × 64", "weight"]
    # U(±1/√64) has std 0.125/√3; Kaiming's is √(2/64): √6 = 2.449 times that
    assert weight["before"] == "uniform ±0.125, std 0.07217"
    assert weight["after"] == "normal, std 0.1768"
    assert weight["factor"] == "×2.45"
    assert weight["count"] == "× 20"
    assert lines["Linear 64", "bias"]["after"] == "all 0"
    assert (lines["Activation", ""]["before"], lines["Activation", ""]["after"]) == ("ReLU", "GELU")


def test_a_plan_that_changes_nothing_says_so(client, whatif):
    text = visible(page(client, whatif))
    assert "The plan changes nothing yet." in text
    assert "Nothing yet: choose what to draw the layers from" in text


def test_the_part_that_changes_is_answered_alone(client, whatif):
    text = client.get(f"{whatif}/shown?linear={KAIMING}").text
    assert text.lstrip().startswith("<div data-state")
    assert f'data-query="?linear={KAIMING}"' in text


def test_before_and_after_stand_in_every_chart(client, whatif):
    for key in ("forward", "backward", "share"):
        answer = client.get(f"{whatif}/chart/{key}.svg?linear={KAIMING}")
        assert answer.headers["content-type"] == "image/svg+xml"
        texts = {node.text for node in ET.fromstring(answer.text).iter() if node.text}
        assert {"Before", "After"} <= texts


def test_theory_is_dashed_as_long_as_nothing_is_measured(client, whatif):
    drawn = client.get(f"{whatif}/chart/forward.svg?linear={KAIMING}").text
    assert drawn.count('stroke-dasharray="6 4"') == 2


def test_an_input_share_that_is_rounding_is_not_drawn_as_zero(client, whatif):
    text = client.get(f"{whatif}/shown?linear.gain=0.5").text
    assert "exactly 0" not in text
    assert "&lt; 0.0001 %" in text


def test_the_numbers_of_a_chart_are_a_table(client, whatif):
    answer = client.get(f"{whatif}/chart/forward.csv?linear={KAIMING}")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) > 21
    whole = list(csv.DictReader(io.StringIO(client.get(f"{whatif}.csv?linear={KAIMING}").text)))
    assert {row["series"] for row in whole} == {"Before (PyTorch default)", "After"}


def test_the_data_tell_theory_operation_by_operation(client, whatif):
    told = client.get(f"{whatif}.json?linear={KAIMING}&linear.bias=0").json()
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


def test_inputs_may_be_uniform(client, whatif):
    told = client.get(f"{whatif}.json?input=uniform01&from={KAIMING}").json()
    # E x² = 1/3 of torch.rand, times fan_in · Var w = 2, plus the bias: 1/(3·64)
    rms = told["before"]["layers"][0]["theory"]["rms"]
    assert rms == pytest.approx((2 / 3 + 1 / 192) ** 0.5, rel=1e-6)


def test_suggestions_are_plans_of_their_own_that_set_the_form(client, whatif):
    text = client.get(f"{whatif}/suggestions").text
    link = re.search(r'<a href="([^"]+)" data-sets>([^<]+)</a>', text)
    assert link is not None
    assert link[2].startswith("He")  # √2 for ReLU
    assert link[1].replace("&amp;", "&") == f"{whatif}?linear={KAIMING}&linear.bias=0"


def test_where_nothing_is_better_no_suggestion_is_made(client, whatif):
    text = client.get(f"{whatif}/suggestions?linear={KAIMING}&linear.bias=0").text
    assert "data-sets" not in text
    assert "Nothing: of the changes that it knows" in text


def test_suggestions_need_no_script(client, whatif):
    link = re.search(r'<noscript>\s*<p><a href="([^"]+)"', page(client, whatif))
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


def test_a_plan_whose_numbers_leave_every_range_is_still_a_page(client, whatif):
    query = "linear=ones&linear.gain=1000000"  # q grows by 4e15 a layer: beyond 1e308 at the end
    text = page(client, f"{whatif}?{query}")
    assert 'data-sign="problem"' in text or 'data-sign="not_judged"' in text
    assert client.get(f"{whatif}/suggestions?{query}").status_code == 200
