"""What the child of a GPU worker does with a part: its large tensors are counted on the device."""

from __future__ import annotations

from typing import Any

import torch

from app.jobs.analysis import Place, Tell, measure_at
from app.probe.counting import lanes_on
from app.probe.device import text, using
from app.readers.child import Answer


def measure_part(descriptor: int, arguments: dict[str, Any], progress: Tell) -> Answer:
    """The report of each of a part's tensors and its packed sketch, in turn, as attachments.

    Args:
        descriptor: The file.
        arguments: {"todo", "threads", "large": bytes from which a tensor is, "device"}.
        progress: Told how many tensors are measured.

    Raises:
        DeviceFailed: If the device is not there or fails.
    """
    torch.set_num_threads(1)
    with using(arguments["device"]) as device:
        place = Place(lanes=lanes_on(device), said=f"counted on {text(device)}")
        return measure_at(place, descriptor, arguments, progress)
