"""The network behind a page: as a worker read it, or as its text says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache

from starlette.concurrency import run_in_threadpool

from app.architecture.limits import MOST_BYTES
from app.architecture.understanding import understand
from app.core.graph import Graph, Inventory
from app.errors import NotFound, Refused
from app.store.facts import File, Propagation, Run
from app.web.architectures import is_config
from app.web.deps import Services
from app.web.spec_views import normal
from app.web.state_dicts import inventory_of


async def network_of(
    services: Services, file: File, *, run: Run | None = None, net: str = ""
) -> tuple[str, Graph | Inventory | None]:
    """The id of the network's file, and the network.

    Args:
        services: Of the app.
        file: That a page is about: a network, or a checkpoint.
        run: Its analysis, where there is one.
        net: Id of the network's file, where the address names it; that of its newest measurement
            where it is empty.

    Returns:
        None for a network that only a worker can read, and none has; an inventory for a checkpoint
        of tensors alone, with the network that it suggests.

    Raises:
        NotFound: If there is no file of the id `net`.
    """
    chosen = net or await _measured_with(services, file) or file.id
    source = file if chosen == file.id else await services.runs.file(chosen)
    found = await services.propagations.network(chosen)
    if found is not None:
        return chosen, found
    if source.format == "text" and source.bytes <= MOST_BYTES:
        return chosen, await run_in_threadpool(_of_text, services, source)
    if run is None or not run.reported or run.file != chosen:
        return chosen, None
    overview = await services.runs.overview(run.id)
    return chosen, await run_in_threadpool(inventory_of, overview)


async def _measured_with(services: Services, file: File) -> str:
    """The network that a checkpoint's weights were last measured in; "" where there is none."""
    every: Sequence[Propagation] = await services.propagations.of(file.id)
    return next((one.network for one in every if one.weights == file.id), "")


def _of_text(services: Services, file: File) -> Graph | Inventory | None:
    """What a stored text says; None where it takes a worker to tell, or nothing is understood."""
    try:
        descriptor = services.blobs.open(file.sha256)
    except NotFound:
        return None
    try:
        text = os.pread(descriptor, MOST_BYTES, 0).decode("utf-8", "replace")
    finally:
        os.close(descriptor)
    return _understood(text)


@lru_cache(maxsize=32)
def _understood(text: str) -> Graph | Inventory | None:
    if is_config(text):
        return None
    try:
        return understand(normal(text))
    except Refused:
        return None
