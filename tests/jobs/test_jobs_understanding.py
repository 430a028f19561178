"""What the closed child tells of a network's file."""

from __future__ import annotations

import numpy as np
import torch

from app.architecture.expecting import expected
from app.core.plans import Plan
from app.jobs.networks import GRAPH
from app.jobs.understanding import understand_network
from app.store.documents import dump


class Masked(torch.nn.Module):
    """Attention whose mask is a fixed tensor of the program."""

    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__()
        self.each = torch.nn.ModuleList(torch.nn.Linear(8, 8) for _ in "qkv")
        self.mask = mask

    def forward(self, x):
        q, k, v = (one(x) for one in self.each)
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=self.mask)


def understood(mask: torch.Tensor, path):
    program = torch.export.export(Masked(mask), (torch.zeros(2, 4, 8),))
    torch.export.save(program, path)
    with path.open("rb") as file:
        told = {"weights": False, "inputs": False}
        return understand_network(file.fileno(), told, lambda _: None).network


def test_small_constants_are_told_with_their_network(tmp_path):
    causal = torch.ones(4, 4).tril().bool()
    network = GRAPH.validate_json(dump(understood(causal, tmp_path / "net.pt2")))
    (mask,) = network.constants
    assert np.array_equal(np.reshape(mask.values, (4, 4)), causal.numpy())


def test_theory_of_a_network_with_a_mask_needs_no_file(tmp_path):
    network = understood(torch.ones(4, 4).tril().bool(), tmp_path / "net.pt2")
    assert expected(network, Plan()).prediction.stops == ()


def test_constants_that_json_has_no_numbers_for_stay_in_their_file(tmp_path):
    network = understood(torch.full((4, 4), -torch.inf).triu(1), tmp_path / "net.pt2")
    (mask,) = network.constants
    assert mask.values is None
    assert mask.stored is not None
