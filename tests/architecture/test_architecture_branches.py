"""Residual branches: which sums are one, and the weights that end them."""

import io

import torch
from torch import nn

from app.architecture.branches import branches
from app.architecture.understanding import understand
from tests.exported_pictures import BasicBlock
from tests.graph_running import read


def found(text):
    return branches(understand(text))


def exported(model, *inputs):
    program = torch.export.export(model.eval(), inputs)
    return branches(_graph(program))


def _graph(program):
    file = io.BytesIO()
    torch.export.save(program, file)
    return read(file.getvalue())[0]


def test_a_plain_chain_has_none():
    assert found("3 x [Linear(8, 8), ReLU()]") == ()


def test_the_branch_beside_an_identity_ends_in_its_last_weight():
    (branch,) = found(
        'input: [8]\nlayers:\n  - residual: ["Linear(8, 16)", ReLU(), "Linear(16, 8)"]'
    )
    assert (branch.ends, branch.biases, branch.norm) == (("0.2.weight",), ("0.2.bias",), False)


def test_dropout_and_an_activation_behind_the_last_weight_do_not_hide_it():
    text = 'input: [8]\nlayers:\n  - residual: ["Linear(8, 8)", ReLU(), "Dropout(0.1)"]'
    assert found(text)[0].ends == ("0.0.weight",)


def test_a_branch_that_ends_in_a_norm_ends_in_the_norms_weight():
    text = 'input: [8]\nlayers:\n  - residual: ["Linear(8, 8)", "LayerNorm(8)"]'
    (branch,) = found(text)
    assert (branch.ends, branch.biases, branch.norm) == (("0.1.weight",), ("0.1.bias",), True)


def test_a_norm_without_a_weight_leaves_a_branch_without_an_end():
    text = (
        "input: [8]\nlayers:\n"
        '  - residual: ["Linear(8, 8)", "LayerNorm(8, elementwise_affine=False)"]'
    )
    assert found(text)[0].ends == ()


def test_every_layer_of_a_transformer_has_two():
    text = (
        "input: [6, 16]\n"
        "TransformerEncoder(TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)"
    )
    ends = [branch.ends for branch in found(text)]
    assert ends == [
        (f"0.layers.{layer}.{last}.weight",)
        for layer in (0, 1)
        for last in ("self_attn.out_proj", "linear2")
    ]


def test_of_two_ways_beside_a_projection_the_one_with_more_weights_is_the_branch():
    block = BasicBlock(4, 8, 2)
    (branch,) = exported(block, torch.zeros(2, 4, 8, 8))
    assert (branch.ends, branch.norm) == (("bn2.weight",), True)


class Parallel(nn.Module):
    """Attention-like and feed-forward branches that begin from one norm, as in GPT-J."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.first = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8))
        self.second = nn.Linear(8, 8)

    def forward(self, x):
        y = self.norm(x)
        return x + (self.first(y) + self.second(y))


def test_a_branch_that_is_a_sum_ends_in_the_last_weights_of_both_sides():
    outer = exported(Parallel(), torch.zeros(2, 8))[-1]
    assert set(outer.ends) == {"first.2.weight", "second.weight"}


class Gated(nn.Module):
    """Squeeze and excite at the end of a branch, and a scale of its own."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.squeeze = nn.Linear(4, 4)
        self.gamma = nn.Parameter(torch.ones(4, 1, 1))

    def forward(self, x):
        y = self.conv(x)
        gate = torch.sigmoid(self.squeeze(y.mean((2, 3))))
        return x + self.gamma * (y * gate[:, :, None, None])


def test_a_gate_and_a_scale_lead_back_to_the_weight_that_they_multiply():
    (branch,) = exported(Gated(), torch.zeros(2, 4, 5, 5))
    assert branch.ends == ("conv.weight",)


class Shared(nn.Module):
    """A block's input added to itself rearranged, as rotary positions do; no weight between."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 8)

    def forward(self, x):
        y = self.first(x)
        return y + torch.roll(y, 1, -1) * 0.5


def test_a_sum_without_weights_on_either_side_is_no_branch():
    assert exported(Shared(), torch.zeros(2, 8)) == ()


class Turned(nn.Module):
    """GPT-2's layers: weights stored as [inputs, outputs], applied to rows of all positions."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(4, 4)), nn.Parameter(torch.zeros(4))

    def forward(self, x):
        y = torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.weight)
        return x + y.view(x.shape)


def test_sizes_that_are_calculated_from_a_signal_are_no_signals():
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(Turned(), (torch.zeros(3, 5, 4),), dynamic_shapes=shapes)
    (branch,) = branches(_graph(program))
    assert (branch.ends, branch.biases) == (("weight",), ("bias",))
