"""The report as a page, as one file, as Markdown and as a badge."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from app.charts.badge import badge
from app.core.report import Histogram, Overview, Source, Summary
from app.web.report_badges import message_of
from app.web.report_markdown import code, prose

HOSTILE = "<img src=x onerror=alert(1)>`|@all\u202e.weight"


@pytest.fixture
def run(site):
    found = site.submit(name=HOSTILE)
    odd = {
        "sign": "differs",
        "status": "consistent",
        "sentence": f"Fits another scheme than {HOSTILE}.",
        "histogram": Histogram(edges=(-0.5, 0.0, 0.5), counts=(7.0, 9.0)),
    }
    site.finish(found, [site.tensor(0, HOSTILE, **odd), site.tensor(1, "1.weight")])
    return found


class Loads(HTMLParser):
    """Every address that a page names, and every script or handler."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.active: list[str] = []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in {"src", "href", "srcset", "action", "data"}:
                self.addresses.append(value)
            if name.startswith("on"):
                self.active.append(name)
        if tag in {"script", "iframe", "object", "link", "form", "base"}:
            self.active.append(tag)


def test_the_file_loads_nothing(site, run):
    text = site.client.get(f"/m/{run}/report.html").text
    page = Loads()
    page.feed(text)
    assert page.active == []
    assert [one for one in page.addresses if not one.startswith("data:image/png")] == []
    assert "url(http" not in text
    assert "@import" not in text


def test_the_files_policy_allows_its_own_style_and_no_other(site, run):
    text = site.client.get(f"/m/{run}/report.html").text
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src &#39;none&#39;; style-src-elem &#39;sha256-")
    assert digest in policy.replace("&#43;", "+")
    assert "script-src" not in policy


def test_the_header_lets_the_file_show_its_style(site, run):
    answer = site.client.get(f"/m/{run}/report.html")
    assert "style-src-elem 'sha256-" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("twin", ["report", "report.html"])
def test_a_hostile_name_does_nothing(site, run, twin):
    text = site.client.get(f"/m/{run}/{twin}").text
    assert "<img src=x" not in text
    assert "\u202e" not in text
    assert "&lt;img src=x" in text


def test_what_stands_out_is_told_with_its_histogram(site, run):
    text = site.client.get(f"/m/{run}/report.html").text
    assert "What stands out" in text
    assert 'id="plot-0"' in text


def test_the_report_says_what_it_is_of(site, run):
    text = site.client.get(f"/m/{run}/report.html").text
    assert run in text  # the sha256 begins so
    assert re.search(r"made</dt><dd>\d+ \w+ \d{4}, \d\d:\d\d UTC by initscope", text)


def test_every_tensor_is_in_the_table(site, run):
    text = site.client.get(f"/m/{run}/report.html").text
    assert text.count('<th scope="row"><bdi>') == 2


def test_markdown_keeps_hostile_names_inside_of_code(site, run):
    answer = site.client.get(f"/m/{run}/report.md")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    first = answer.text.splitlines()[0]
    assert first.startswith("### initscope: ``<img src=x onerror=alert(1)>`|@all.weight``")
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", answer.text)
    assert "<img" not in outside
    assert "@all" not in outside


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a.weight", "`a.weight`"),
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        ("a``b`", "``` a``b` ```"),
        ("", "`(no name)`"),
        ("a\nb", "`a↵b`"),
    ],
)
def test_a_code_span_ends_where_it_should(text, shown):
    assert code(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, 3 of 4.", "plain words, 3 of 4."),
        ("*bold* <b> [x](y)", r"\*bold\* \<b\> \[x\](y)"),
        ("ask @someone", "`ask @someone`"),
        ("see https://example.org", "`see https://example.org`"),
        ("fixes #12", "`fixes #12`"),
        ("two\n\nlines", "two lines"),
    ],
)
def test_a_sentence_is_only_a_sentence(text, shown):
    assert prose(text) == shown


def test_the_page_offers_the_badge_as_markdown(site, run):
    text = site.client.get(f"/m/{run}/report").text
    assert (
        f"(http://localhost:8000/m/{run}/badge.svg)](http://localhost:8000/m/{run}/report)" in text
    )


def test_the_badge_may_be_kept_and_shown_elsewhere(site, run):
    answer = site.client.get(f"/m/{run}/badge.svg")
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    again = site.client.get(
        f"/m/{run}/badge.svg", headers={"if-none-match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def test_the_badge_of_a_file_that_is_being_read_says_so(site):
    found = site.submit()
    assert "in progress" in site.client.get(f"/m/{found}/badge.svg").text


def test_the_badge_of_a_file_that_nobody_analysed_says_so(site):
    file = site.upload(site.safetensors(w=(2, 2)))
    assert "not analysed" in site.client.get(f"/m/{file}/badge.svg").text


def test_the_badge_of_nothing_is_not_found(site):
    assert site.client.get(f"/m/{'0' * 32}/badge.svg").status_code == 404


def test_a_badge_is_sound_xml_whatever_it_says():
    found = ElementTree.fromstring(badge('<&">', "differs", word="differs"))
    assert found.attrib["aria-label"] == 'init: <&"> (differs)'
    assert found.find("{http://www.w3.org/2000/svg}title").text == 'init: <&"> (differs)'


def test_a_longer_message_has_a_wider_badge():
    widths = [
        int(ElementTree.fromstring(badge(text, "differs", word="")).attrib["width"])
        for text in ("il", "mw", "PyTorch default")
    ]
    assert widths == sorted(widths)
    assert len(set(widths)) == 3


def test_without_a_report_the_page_leads_to_the_job(site):
    found = site.submit()
    answer = site.client.get(f"/m/{found}/report")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{found}")
    assert site.client.get(f"/m/{found}/report.html").status_code == 409


def test_a_report_of_nothing_is_not_found(site):
    for twin in ("report", "report.html", "report.md"):
        assert site.client.get(f"/m/{'0' * 32}/{twin}").status_code == 404


@pytest.mark.parametrize(
    ("scheme", "signs", "status", "message"),
    [
        ("torch_default", {"as_expected": 54}, "as_expected", "PyTorch default"),
        (
            "torch_default",
            {"as_expected": 51, "differs": 3},
            "differs",
            "PyTorch default · 3 differ",
        ),
        ("torch_default", {"problem": 1, "differs": 3}, "problem", "PyTorch default · 1 problem"),
        (None, {"no_match": 40, "differs": 2}, "no_match", "40 of 54 tensors fit no scheme"),
        (None, {"not_judged": 54}, "not_judged", "not judged"),
    ],
)
def test_the_badge_names_the_scheme_and_the_worst(scheme, signs, status, message):
    summary = Summary(
        tensors=54,
        parameters=1,
        buffers=0,
        parameter_tensors=54,
        buffer_tensors=0,
        dtypes={},
        headline="",
        status=status,
        signs=signs,
        main_scheme=scheme,
        alpha=0.001,
    )
    source = Source(name="a", format="", bytes=0, sha256="")
    shown = Overview(schema="", source=source, summary=summary, findings=(), rows=())
    assert message_of(shown) == message
