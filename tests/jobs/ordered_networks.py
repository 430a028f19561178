"""Networks whose measurement is ordered on a whole service."""

from __future__ import annotations

from app.core.propagation import Order
from app.store.propagations import Asked

MLP = b"input: [32]\nlayers:\n  - Linear(32, 32)\n  - ReLU()\n  - Linear(32, 8)\n"
DEEP = b"input: [256]\nlayers:\n  - repeat: 60\n    of:\n      - Linear(256, 256)\n      - ReLU()\n"
ORDER = Order(schemes=("torch_default", "kaiming_normal(fan_in,relu)"), seeds=2, batch=8)


async def ordered(service, content=MLP, *, name="net.yaml", order=ORDER, **files):
    network = await service.keep(content, name)
    kept = {"weights": None, "inputs": None, **files}
    asked = Asked(network=network, order=order, **kept)
    return await service.submitter.propagate(asked)


async def under_way(service):
    """A long measurement that has told of its first pass."""
    order = Order(schemes=("torch_default",), seeds=24, batch=64)
    found = await ordered(service, DEEP, order=order)
    await service.measured(found, lambda now: now.step == "measuring" and now.done > 0)
    return found
