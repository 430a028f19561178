"""Networks measured on the CPU, under the shortest of orders."""

from app.core.propagation import Order
from app.probe.measure import measure

MEMORY = 2 * 10**9


def run(network, *, memory=MEMORY, load=None, batch_file=None, **ordered):
    order = Order(**{"seeds": 1, **ordered})
    return measure(
        network, order, load=load, batch_file=batch_file, memory_bytes=memory, device="cpu"
    )


def first(found):
    return found.series[0].layers
