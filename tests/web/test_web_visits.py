"""A look at a report keeps it; the web process writes that at its end at the latest."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from app.main import create_app

ADDRESSES = ("/m/{run}", "/m/{run}.json", "/m/{run}/t/0", "/m/{run}/report", "/m/{run}/badge.svg")
API = ("/api/v1/runs/{run}", "/api/v1/runs/{run}/tensors", "/api/v1/runs/{run}/tensors/0")


@pytest.fixture
def reported(site):
    run = site.submit()
    site.finish(run, [site.tensor(0, "a.weight")])
    return run


def visited(settings) -> bool:
    engine = sa.create_engine(settings.database)
    with engine.connect() as connection:
        found = connection.execute(sa.text("SELECT visited_at FROM runs")).scalar_one()
    engine.dispose()
    return found is not None


@pytest.mark.parametrize("address", ADDRESSES + API)
def test_a_read_of_a_page_or_of_the_api_counts(reported, settings, address):
    with TestClient(create_app(settings), base_url="http://localhost:8000") as client:
        assert client.get(address.format(run=reported)).status_code == 200
    assert visited(settings)


@pytest.mark.parametrize("address", ["/", "/status", "/metrics", "/readyz", "/jobs/{run}"])
def test_a_page_that_shows_no_report_does_not_count(reported, settings, address):
    with TestClient(create_app(settings), base_url="http://localhost:8000") as client:
        client.get(address.format(run=reported), follow_redirects=False)
    assert not visited(settings)
