from __future__ import annotations

import re
import string

import pytest
from starlette.routing import Mount

from app.config import Settings
from app.main import create_app

UNKNOWN = "f" * 32


def addresses() -> list[tuple[str, str]]:
    """Method and path of every route about something that somebody sent, its id left open."""
    found = []
    for room in create_app(Settings(_env_file=None)).routes:
        several = getattr(room, "effective_route_contexts", lambda room=room: [room])()
        for route in several if not isinstance(room, Mount) else ():
            names = [name for _, name, _, _ in string.Formatter().parse(route.path) if name]
            ids = [name for name in names if name.endswith("_id")]
            if ids:
                path = re.sub(r"\{(\w+)_id\}", "{id}", route.path)
                path = re.sub(r"\{(?!id\})[^}]*\}", "0", path)
                found += [(method, path) for method in sorted(route.methods - {"HEAD"})]
    return found


ADDRESSES = addresses()


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"access": "tokens", "orders_per_minute": 1000})


@pytest.fixture
def as_(site):
    """Sends what follows as somebody."""
    texts = {}

    def turn(name: str) -> None:
        if name not in texts:
            texts[name] = site.call(site.services.access.add(name))
        site.client.headers["Authorization"] = f"Bearer {texts[name]}"

    return turn


@pytest.fixture
def anns(site, as_):
    """A report, a measurement and a comparison of Ann's, and the second file compared."""
    as_("ann")
    run = site.submit(name="anns-secret-model.safetensors")
    site.finish(run, [site.tensor(0, "anns.secret.weight")])
    other = site.submit(site.safetensors(w=(3, 3)), name="anns-secret-other.safetensors")
    text = {"text": "input: [4]\nlayers: [Linear(4, 4)]"}
    measured = site.client.post("/api/v1/propagations", json={"architecture": text, "seeds": 2})
    compared = site.client.post("/api/v1/comparisons", json={"before": run, "after": other})
    return {
        "run": run,
        "other": other,
        "measurement": measured.json()["id"],
        "network": site.call(site.services.propagations.find(measured.json()["id"])).network,
        "comparison": compared.json()["id"],
    }


def told(answer, own: str) -> tuple[int, str]:
    """Status and body, with the id that was asked for left out."""
    return answer.status_code, answer.text.replace(own, "ID")


def test_the_routes_are_found():
    assert len(ADDRESSES) > 45
    assert ("GET", "/m/{id}.json") in ADDRESSES


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_anothers_id_is_answered_as_one_that_never_was(site, as_, anns, accept):
    as_("bob")
    headers = {"Accept": accept}
    for method, path in ADDRESSES:

        def ask(own: str, method=method, path=path):
            answer = site.client.request(method, path.format(id=own), headers=headers)
            return told(answer, own)

        unknown = ask(UNKNOWN)
        assert 400 <= unknown[0] < 500, (method, path)
        assert {ask(own) for own in anns.values()} == {unknown}, (method, path)


@pytest.mark.parametrize(
    "path",
    [
        *("/m/{id}", "/m/{id}.json", "/m/{id}.csv", "/m/{id}/fingerprint.svg", "/m/{id}/t/0"),
        *("/m/{id}/report", "/m/{id}/badge.svg"),
        *("/api/v1/runs/{id}", "/api/v1/runs/{id}/tensors"),
    ],
)
def test_what_is_hidden_from_others_is_shown_to_its_owner(site, as_, anns, path):
    as_("ann")
    assert site.client.get(path.format(id=anns["run"])).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "compare?to={other}",
        "compare.json?to={other}",
        "compare.csv?to={other}",
        "compare?net={network}",
        "propagation?net={network}",
        "propagation?input={other}",
        "propagation.json?weights={run}",
    ],
)
def test_anothers_id_beside_ones_own_is_answered_as_one_that_never_was(site, as_, anns, query):
    as_("bob")
    mine = site.submit()
    shown = site.client.get(f"/m/{mine}/{query.format(**anns)}")
    unknown = site.client.get(f"/m/{mine}/{query.format(**dict.fromkeys(anns, UNKNOWN))}")
    text = shown.text
    for own in anns.values():
        text = text.replace(own, UNKNOWN)
    assert (shown.status_code, text) == (unknown.status_code, unknown.text)
    assert "anns" not in shown.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/runs", {"file": "{run}"}),
        ("/api/v1/comparisons", {"before": "{run}", "after": "{other}"}),
        ("/api/v1/propagations", {"architecture": {"file": "{network}"}}),
        ("/api/v1/propagations", {"architecture": {"text": "layers: []"}, "weights": "{run}"}),
    ],
)
def test_an_order_about_anothers_file_is_refused(site, as_, anns, path, body):
    as_("bob")

    def ask(ids: dict[str, str]):
        filled = {
            name: value.format(**ids)
            if isinstance(value, str)
            else {key: text.format(**ids) for key, text in value.items()}
            for name, value in body.items()
        }
        return site.client.post(path, json=filled)

    never = {name: f"{number:032x}" for number, name in enumerate(anns)}
    unknown, answer = ask(never), ask(anns)
    assert answer.status_code == unknown.status_code >= 400
    assert "anns" not in answer.text


@pytest.mark.parametrize("path", ["/", "/.json", "/status.json", "/metrics"])
def test_no_list_names_anothers_files(site, as_, anns, path):
    as_("ann")
    mine = site.client.get(path, headers={"Accept": "text/html"}).text
    assert ("anns-secret-model" in mine) == (path in {"/", "/.json"})
    as_("bob")
    theirs = site.client.get(path, headers={"Accept": "text/html"}).text
    assert "anns" not in theirs
    assert not any(own in theirs for own in anns.values())


def test_equal_bytes_of_two_people_are_two_reports_under_their_own_names(site, as_, anns):
    as_("bob")
    mine = site.submit(name="bobs.safetensors")
    assert mine != anns["run"]
    shown = site.client.get(f"/api/v1/runs/{mine}").json()
    assert (shown["name"], shown["state"]) == ("bobs.safetensors", "queued")


def test_an_upload_of_bytes_that_another_has_sent_answers_as_new_ones_do(site, as_, anns):
    as_("bob")
    answers = [
        site.client.post("/api/v1/files", params={"name": "a"}, content=content)
        for content in (site.safetensors(w=(2, 2)), site.safetensors(w=(2, 5)))
    ]
    known, new = ({**answer.json(), "status": answer.status_code} for answer in answers)
    own = ("id", "sha256", "bytes")  # facts of the bytes sent
    assert {k: v for k, v in known.items() if k not in own} == {
        k: v for k, v in new.items() if k not in own
    }
    assert known["id"] not in anns.values()


def test_deleting_ones_own_leaves_anothers_equal_bytes(site, as_, anns):
    as_("bob")
    mine = site.submit()
    assert site.client.delete(f"/api/v1/runs/{mine}").status_code == 204
    as_("ann")
    found = site.client.get(f"/api/v1/runs/{anns['run']}").json()
    assert site.services.blobs.path(found["sha256"]).exists()


def test_what_was_sent_before_tokens_were_asked_for_is_everybodys(site, as_):
    old = site.call(keep(site))
    for name in ("ann", "bob"):
        as_(name)
        assert site.client.post("/api/v1/runs", json={"file": old.id}).status_code == 202


async def keep(site):
    async def chunks():
        yield b"sent before"

    received = await site.services.blobs.receive(chunks(), limit=2**20)
    return await site.services.runs.add_file(received, name="old.pt")


@pytest.mark.parametrize(
    "path", ["/", "/m/{run}", "/m/{run}/report", "/m/{run}/report.html", "/jobs/{other}"]
)
def test_a_page_says_whose_a_report_is(site, as_, anns, path):
    as_("ann")
    text = site.client.get(path.format(**anns), headers={"Accept": "text/html"}).text
    told = text.replace("Sign out ann", "").replace("anns", "")
    assert re.search(r"\bann\b", told)


def test_the_twins_say_whose_a_report_is(site, as_, anns):
    as_("ann")
    assert site.client.get(f"/api/v1/runs/{anns['run']}").json()["owner"] == "ann"
    found = site.client.get("/.json").json()
    assert {one["owner"] for one in found["recent"] + found["networks"]} == {"ann"}


def test_what_is_everybodys_is_told_so_to_who_is_signed_in(site, as_):
    old = site.call(keep(site))
    as_("ann")
    assert site.client.post("/api/v1/runs", json={"file": old.id}).status_code == 202
    assert "everybody's" in site.client.get("/", headers={"Accept": "text/html"}).text
