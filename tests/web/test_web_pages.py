from __future__ import annotations

import csv
import dataclasses
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sample_models import HOSTILE, model, overview, packed

from app.core.report import PartReport, TensorReport
from app.store import documents
from app.store.facts import Measured, Part
from app.web import contexts, csvs
from app.web.render import TEMPLATES
from app.web.selection import View, shown, view_of
from app.web.wording import certified

NAMES = {
    0: HOSTILE,
    8: "a\u202eb.gpj\nnew line.weight",
    12: "very." * 400 + "long.weight",
    16: "=cmd|'/c calc'!A1.weight",
}


class Tags(HTMLParser):
    """Every tag of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    def rows(self) -> list[dict[str, str | None]]:
        return [row for row in self.all("tr") if "data-row" in row]

    def seen(self) -> list[int]:
        return [int(row["data-row"]) for row in self.rows() if "hidden" not in row]


@pytest.fixture
def put(site):
    def place(report, name="sample.safetensors"):
        run = site.submit(name.encode() and site.safetensors(**{name[:8]: (2, 2)}), name=name)
        job = site.job(run)
        site.call(site.attempts.step(job, "measuring"))
        part = Part(number=0, tensors=len(report.tensors), todo=b"[]")
        site.call(site.attempts.plan(job, inventory=b"{}", parts=[part]))
        reports = [documents.dump(tensor) for tensor in report.tensors]
        measured = [
            Measured(index=index, report=document, sketch=packed(index))
            for index, document in enumerate(reports)
        ]
        site.call(site.attempts.measured(job, 0, measured))
        kept = site.attempts.finish(job, overview=overview(report), reports=reports)
        assert site.call(kept)
        return run

    return place


@pytest.fixture(scope="module")
def report():
    return model(40, names=NAMES)


@pytest.fixture
def run(put, report):
    return put(report)


def page(client, address: str) -> Tags:
    answer = client.get(address, headers={"accept": "text/html"})
    assert answer.status_code == 200, answer.text[:500]
    return Tags(answer.text)


def test_the_layers_page_says_the_verdict_first(client, run, report):
    text = client.get(f"/m/{run}").text
    assert text.index(report.summary.headline) < text.index("<svg") < text.index("data-tensors")


def test_a_hostile_name_is_shown_and_makes_no_tag(client, run):
    for address in (f"/m/{run}", f"/m/{run}?view=ridge", f"/m/{run}/t/0"):
        text = client.get(address).text
        assert "&lt;img" in text
        assert Tags(text).all("img") == []


def test_direction_marks_and_line_breaks_are_shown_as_signs(client, run):
    text = client.get(f"/m/{run}").text
    assert "\u202e" not in text
    assert "a⟨U+202E⟩b" in text


def test_no_page_has_a_script_or_a_handler_of_its_own(client, run):
    for address in (f"/m/{run}", f"/m/{run}?view=ridge", f"/m/{run}/t/0", f"/m/{run}/t/34"):
        tags = page(client, address)
        scripts = [a for a in tags.all("script") if a.get("type") != "application/json"]
        assert all("src" in attributes for attributes in scripts)
        assert not [a for _, attributes in tags.found for a in attributes if a.startswith("on")]


def test_data_in_a_script_element_cannot_end_it(client, run):
    text = client.get(f"/m/{run}").text
    data = re.search(r'id="heat-data">(.*?)</script>', text, re.DOTALL)[1]
    assert "<" not in data
    assert r"\u003cimg" in data


def test_weights_and_exceptions_are_shown_at_first(client, run):
    assert page(client, f"/m/{run}").seen() == list(range(0, 40, 2))


@pytest.mark.parametrize(
    ("query", "indices"),
    [
        ("?status=problem", [34]),
        ("?status=differs", [10, 12, 20, 24]),
        ("?kind=biases&q=blocks.1.", [5, 7]),
        ("?q=kaiming+96x96", [10, 12]),
        ("?q=%3Cimg", [0]),
        ("?finding=2", [10, 12, 20, 24]),
        ("?finding=99&q=blocks.9.", [36, 37, 38, 39]),
        ("?sort=deviation&status=differs", [20, 10, 12, 24]),
        ("?q=nothing+of+the+kind", []),
    ],
)
def test_the_server_honours_the_query(client, run, query, indices):
    seen = page(client, f"/m/{run}{query}").seen()
    assert sorted(seen) == sorted(indices)
    assert "sort=" not in query or set(seen[1:3]) == {10, 12}


def test_no_match_offers_to_clear_the_filter(client, run):
    text = client.get(f"/m/{run}?q=zzz").text
    assert "No tensor matches." in text


@pytest.mark.parametrize(
    "query",
    ["?page=-1", "?page=x", "?range=9", "?view=pie", "?unit=metre", "?status=<b>", "?finding=²"],
)
def test_a_nonsense_query_is_the_default(client, run, query):
    assert page(client, f"/m/{run}{query}").seen() == list(range(0, 40, 2))


def test_defaults_are_left_out_of_links():
    assert view_of({"view": "heat", "kind": "", "page": "1"}).query() == ""
    assert View(status="differs").query(status="") == ""


def test_ridges_are_off_above_sixty_weight_tensors_and_say_why(client, put):
    tags = page(client, f"/m/{put(model(200))}?view=ridge")
    off = [a for a in tags.all("span") if a.get("aria-disabled")]
    assert [a["title"] for a in off] == [
        "Ridges show at most 60 weight tensors; this file has 100."
    ]


def test_above_three_thousand_rows_there_are_pages_of_five_hundred(client, put):
    run = put(model(3100), "large.safetensors")
    first, last = page(client, f"/m/{run}?kind=all"), page(client, f"/m/{run}?kind=all&page=7")
    assert len(first.rows()) == 500
    assert last.seen() == list(range(3000, 3100))


def test_up_to_three_thousand_rows_are_all_in_the_page(client, put):
    assert len(page(client, f"/m/{put(model(600))}").rows()) == 600


def test_a_finding_on_one_tensor_opens_it(client, run):
    links = [a.get("href") for a in page(client, f"/m/{run}").all("a")]
    assert f"/m/{run}/t/34" in links
    assert f"/m/{run}?finding=2#tensors" in links


def test_the_twin_of_the_layers_page_has_every_row(client, run, report):
    body = client.get(f"/m/{run}.json").json()
    assert body["schema"] == report.schema
    assert [row["name"] for row in body["rows"]] == [item.name for item in report.tensors]
    assert "profiles" not in body["rows"][0]
    assert "profiles" in client.get(f"/m/{run}.json?extra=hist").json()["rows"][0]


def test_the_twin_honours_the_same_query(client, run):
    body = client.get(f"/m/{run}.json?status=problem").json()
    assert [row["index"] for row in body["rows"]] == [34]


def test_no_cell_of_the_csv_is_a_formula(client, run):
    answer = client.get(f"/m/{run}.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[16]["name"] == "'=cmd|'/c calc'!A1.weight"
    assert rows[0]["name"] == HOSTILE
    assert float(rows[0]["min"]) < 0


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_run_is_quoted(cell):
    assert csvs.harmless(cell) == f"'{cell}"


def test_negative_numbers_stay_numbers():
    assert csvs.harmless(-1.5) == -1.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_fingerprint_has_a_picture_and_a_drawing(client, run, theme):
    png = client.get(f"/m/{run}/fingerprint.png?theme={theme}")
    assert png.headers["content-type"] == "image/png"
    assert png.content[:4] == b"\x89PNG"
    svg = client.get(f"/m/{run}/fingerprint.svg?theme={theme}")
    assert svg.headers["content-type"] == "image/svg+xml"


def test_the_tensor_page_says_verdict_figure_candidates_and_derivation(client, run):
    text = client.get(f"/m/{run}/t/10").text
    places = [
        text.index(part)
        for part in (
            "Fits Kaiming normal",
            "Weights against the candidate laws",
            "Candidates",
            "Why these numbers?",
            "√3·std = 1/√96",
            "Statistics",
        )
    ]
    assert places == sorted(places)


def test_the_law_asked_for_is_marked(client, run):
    tags = page(client, f"/m/{run}/t/10?scheme=xavier_uniform(gain%3D1)")
    picked = [a["data-scheme"] for a in tags.all("tr") if a.get("class") == "picked"]
    assert picked == ["xavier_uniform(gain=1)"]


def test_neighbours_end_at_the_ends(client, run):
    rels = [
        {a.get("rel") for a in page(client, f"/m/{run}/t/{at}").all("a")} - {None}
        for at in (0, 20, 39)
    ]
    assert rels == [{"next"}, {"prev", "next"}, {"prev"}]


def test_a_constant_tensor_is_told_in_words(client, run):
    assert "Every value is 0, so there is nothing to draw." in client.get(f"/m/{run}/t/34").text


def test_the_tensors_twins_hold_the_same_numbers(client, run, report):
    body = client.get(f"/m/{run}/t/10.json").json()
    assert body["std"] == report.tensors[10].std
    rows = list(csv.DictReader(io.StringIO(client.get(f"/m/{run}/t/10.csv").text)))
    assert [float(row["count"]) for row in rows] == list(report.tensors[10].histogram.counts)
    drawn = client.get(f"/m/{run}/t/10/hist.svg?theme=dark&logy=1")
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert "#0f1216" in drawn.text


def test_every_figure_is_drawn_against_the_law_asked_for(client, run):
    tags = page(client, f"/m/{run}/t/10?scheme=xavier_uniform(gain%3D1)")
    names = [attributes.get("data-figure") for attributes in tags.all("figure")]
    assert names == ["hist", "qq", "units"]
    text = client.get(f"/m/{run}/t/10?scheme=xavier_uniform(gain%3D1)").text
    assert text.count("Against Xavier uniform:") == 2


def test_the_script_gets_the_same_figures_as_the_page(client, run):
    body = client.get(f"/m/{run}/t/10/figures.json?scheme=torch_default").json()
    assert body["scheme"] == "torch_default"
    assert set(body["figures"]) == {"hist", "qq", "units"}
    drawn = client.get(f"/m/{run}/t/10?scheme=torch_default").text
    assert all(figure["svg"] in drawn for figure in body["figures"].values())


@pytest.mark.parametrize("key", ["qq", "units"])
def test_the_figures_are_files_too(client, run, key):
    drawn = client.get(f"/m/{run}/t/10/{key}.svg?scheme=torch_default&theme=dark")
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert "PyTorch default" in drawn.text
    rows = list(csv.DictReader(io.StringIO(client.get(f"/m/{run}/t/10/{key}.csv").text)))
    assert len(rows) > 90
    assert all(float(row["band_low"]) < float(row["band_high"]) for row in rows)


@pytest.mark.parametrize("key", ["qq.svg", "units.csv", "other.svg"])
def test_a_constant_tensor_has_no_such_figures(client, run, key):
    assert client.get(f"/m/{run}/t/34/{key}").status_code in {404, 422}
    assert client.get(f"/m/{run}/t/34/figures.json").json() == {"scheme": None, "figures": {}}


def test_the_recipe_names_what_breaks_it(client, run):
    text = client.get(f"/m/{run}").text
    assert "PyTorch default on 14 of 20 linear layers" in text
    assert "and 3 more" in text


def test_why_is_asked_with_the_tensors_own_fans(client, run):
    links = [a.get("href") for a in page(client, f"/m/{run}/t/10").all("a")]
    assert "/why/sqrt5?fan_in=96&fan_out=96" in links


def part(name: str, start: int, whole: TensorReport) -> PartReport:
    return PartReport(
        name=name,
        axis=0,
        start=start,
        stop=start + 32,
        shape=(32, 96),
        fan_in=96,
        fan_out=32,
        count=32 * 96,
        nonfinite=0,
        zeros=0,
        min=-0.1,
        max=0.1,
        mean=0.0,
        std=0.0589,
        status="consistent",
        sentence=f"Fits {name} <b>.",
        schemes=whole.schemes,
        candidates=whole.candidates[:3],
    )


@pytest.fixture
def packed_run(put, report):
    first = report.tensors[2]
    parts = (part("q", 0, first), part("k", 32, first), part("v", 64, first))
    certificate = {"verdict": "bit_exact_draw", "law": "uniform", "seed": 42, "stream_offset": 7168}
    changed = dataclasses.replace(first, parts=parts, certificate=certificate)
    tensors = (*report.tensors[:2], changed, *report.tensors[3:])
    return put(dataclasses.replace(report, tensors=tensors), "packed.safetensors")


def test_the_parts_of_a_packed_tensor_have_verdicts_of_their_own(client, packed_run):
    whole = client.get(f"/m/{packed_run}/t/2").text
    assert all(f"Fits {name} &lt;b&gt;." in whole for name in "qkv")
    assert 'href="?part=k"' in whole


def test_a_part_is_shown_as_a_tensor_of_its_own(client, packed_run):
    text = client.get(f"/m/{packed_run}/t/2?part=k").text
    assert "32 × 96" in text
    assert "Only the whole tensor was binned" in text
    rows = csv.DictReader(io.StringIO(client.get(f"/m/{packed_run}/t/2/units.csv?part=k").text))
    assert [int(row["unit"]) for row in rows] == list(range(32, 64))


@pytest.mark.parametrize("name", ["all", "<b>", ""])
def test_any_other_part_is_the_whole(client, packed_run, name):
    assert "Only the whole tensor" not in client.get(f"/m/{packed_run}/t/2?part={name}").text


def test_a_certificate_is_told_with_its_seed(client, packed_run):
    text = client.get(f"/m/{packed_run}/t/2").text.replace("&#39;", "'")
    assert "Bit-exact untouched draw of torch's CPU generator (uniform law)" in text
    assert "torch.manual_seed(42), 7,168 outputs into its stream" in text


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (
            {"verdict": "bit_exact_draw", "law": "uniform", "bound": 0.125, "reason": "all stand"},
            "Bit-exact untouched draw of torch's CPU generator (U(±0.125)): all stand.",
        ),
        (
            {"verdict": "refuted", "law": "normal", "std": None, "reason": "pairs stand off"},
            "No untouched draw of torch's CPU generator (normal law): pairs stand off.",
        ),
        ({"verdict": "bit_exact_draw", "law": "normal", "std": 0.02}, "(N(0, 0.02²))."),
    ],
)
def test_a_certificate_is_told_with_its_law_and_reason(certificate, words):
    assert certified(certificate)[0].endswith(words)


def test_a_constant_tensor_has_no_drawing(client, run):
    answer = client.get(f"/m/{run}/t/34/hist.svg")
    assert answer.status_code == 404


@pytest.mark.parametrize("index", ["40", "-1", "99999999999999999999", "x"])
def test_an_unknown_tensor_is_no_page(client, run, index):
    assert client.get(f"/m/{run}/t/{index}").status_code in {404, 422}


def test_an_unknown_report_is_no_page(client):
    assert client.get(f"/m/{'0' * 32}").status_code == 404


def test_a_report_that_is_not_ready_leads_to_its_job(client, site):
    run = site.submit()
    answer = client.get(f"/m/{run}", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{run}")
    assert client.get(f"/m/{run}.json").json()["error"] == "not_ready"


def test_every_page_links_its_twin(client, run):
    for address in (f"/m/{run}", f"/m/{run}/t/3"):
        links = [a for a in page(client, address).all("link") if a.get("rel") == "alternate"]
        assert [a["href"] for a in links] == [f"{address}.json"]
        assert client.get(links[0]["href"]).status_code == 200


def test_the_theme_asked_for_is_in_force_before_any_script(client, run):
    assert page(client, f"/m/{run}?theme=dark").all("html")[0]["data-theme"] == "dark"
    assert "data-theme" not in page(client, f"/m/{run}?theme=pink").all("html")[0]


@pytest.mark.parametrize(
    ("template", "context"),
    [("layers.html", contexts.LayersPage), ("tensor.html", contexts.TensorPage)],
)
def test_a_template_uses_every_field_of_its_context(template, context):
    folder = Path(TEMPLATES.loader.searchpath[0])
    names = [template, "report.html", "base.html"]
    text = "".join((folder / name).read_text("utf-8") for name in names)
    unused = [
        item.name
        for item in dataclasses.fields(context)
        if not re.search(rf"\b{item.name}\b", text)
    ]
    assert unused == []


def test_the_filter_looks_through_name_shape_kind_and_scheme(report):
    rows = overview(report).rows
    for words in ("linear 96x96", "linear 96×96 kaiming", "BLOCKS.2."):
        assert shown(rows, View(q=words)), words


def test_the_pages_say_where_large_tensors_were_computed(client, put, report):
    said = "no GPU worker was alive: computed on the CPU, slower"
    summary = dataclasses.replace(report.summary, computed=(f"1 large tensor: {said}.",))
    first = dataclasses.replace(report.tensors[0], computed=said)
    run = put(dataclasses.replace(report, summary=summary, tensors=(first, *report.tensors[1:])))
    assert f"1 large tensor: {said}." in client.get(f"/m/{run}").text
    assert said in client.get(f"/m/{run}/t/0").text
