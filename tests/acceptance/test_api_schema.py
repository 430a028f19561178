"""Whatever the API's own description lets a client send, the service never fails at it."""

from __future__ import annotations

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from live_site import live_site
from sample_models import model
from schemathesis.checks import not_a_server_error

from app.config import Settings
from app.main import create_app
from app.web.examples import mlp

pytestmark = pytest.mark.acceptance

PER_OPERATION = 40  # requests drawn for each, some of them against the description
SCHEMA = schemathesis.openapi.from_dict(create_app(Settings(_env_file=None)).openapi())
# An event stream ends with its run, and without a worker none does; readyz says that there is none.
SCHEMA = SCHEMA.exclude(path_regex="/events$").exclude(path="/readyz")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The service without workers: what is accepted waits."""
    folder = tmp_path_factory.mktemp("service")
    chosen = Settings(_env_file=None, data_dir=folder / "data", min_free_bytes=0)
    with live_site(chosen) as opened:
        yield opened


@pytest.fixture(scope="module")
def known(site):
    """What there is by the name that requests give it: two stored files and a report."""
    with httpx2.Client(base_url=site.origin) as client:
        before, after = (
            client.post("/api/v1/files?name=a.pt", content=mlp(dead=dead)).json()["id"]
            for dead in (True, False)
        )
        assert client.post("/api/v1/runs", json={"file": before}).status_code == 202
    report = site.add(model(8), "report.safetensors")
    return {"run_id": report, "file": before, "before": before, "after": after} | {
        "architecture": {"text": "input: [8]\nlayers: [Linear(8, 8), ReLU()]"}
    }


def about(case, known: dict[str, object]) -> None:
    """Make a request be about what there is."""
    for part in (case.path_parameters, case.body):
        if isinstance(part, dict):
            part |= {name: known[name] for name in part if name in known}


@SCHEMA.parametrize()
@settings(
    max_examples=PER_OPERATION,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_request_fails_the_service(case, site, known):
    case.call_and_validate(base_url=site.origin, checks=[not_a_server_error])
    if case.method == "DELETE":
        return  # or the others would be about what is gone
    about(case, known)
    case.call_and_validate(base_url=site.origin, checks=[not_a_server_error])
