"""Plans laid over own weights, and over networks that a worker reads."""

from __future__ import annotations

import pytest
from measurements import page
from planned_measurements import KAIMING, KAIMING_PLAN, MLP, STORED, visible

from app.architecture.understanding import understand
from app.core.graph import Inventory, InventoryLayer
from app.core.meanfield.step import WeightMoments
from app.core.propagation import CHECKPOINT
from app.web.whatif_choices import Wish

OWN = {
    f"{2 * at}.{name}": WeightMoments(mean=0.0, second=0.03 if name == "weight" else 0.0)
    for at in range(21)
    for name in ("weight", "bias")
}


@pytest.fixture
def own(plans):
    """A network whose own weights were measured."""
    address = plans.finish(KAIMING_PLAN, before=CHECKPOINT, moments=OWN)
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


def test_a_network_that_a_worker_has_read_answers_at_once(client, site, plans):
    address, found = plans.order(Wish(), before="torch_default", content=STORED, name="a.pt2")
    graph = understand(MLP.decode())
    assert site.call(plans.store.understood(found.job, graph, parcel=b"{}"))
    text = visible(page(client, f"{address}?linear={KAIMING}"))
    assert "After: The signal stays between" in text


def test_a_network_whose_run_is_not_known_suggests_one(client, site, plans):
    address, found = plans.order(Wish(), before="torch_default", content=STORED, name="a.pt")
    layer = InventoryLayer(path="a", kind="Linear", text="", parameters=4)
    known = Inventory(
        origin="state dict", layers=(layer,), reason="It has no forward.", suggestion="Linear(2, 2)"
    )
    assert site.call(plans.store.understood(found.job, known, parcel=b"{}"))
    text = page(client, address)
    assert "Linear(2, 2)" in text
    assert "Edit and measure" in text
    assert client.get(f"{address}/shown").status_code == 422
