"""Generated init code draws what its plan says into the network it was made for."""

from __future__ import annotations

import ast
import copy
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from app.architecture.initcode import init_code
from app.architecture.understanding import understand
from app.core.catalogue import CATALOGUE
from app.core.plans import Choice, Plan, plan_of
from tests.exported_models import SAMPLES, exported
from tests.generated_code import applied, graph_of, run, strangers
from tests.graph_running import read


class Layers(nn.Module):
    """Every kind of layer, as no one would chain them."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(400, 64, padding_idx=3)
        self.square = nn.Linear(64, 64)
        self.wide = nn.Linear(64, 160, bias=False)
        self.conv = nn.Conv2d(32, 48, 3)
        self.grouped = nn.Conv2d(48, 96, 5, groups=12)
        self.up = nn.ConvTranspose2d(48, 24, 4, stride=2, groups=2)
        self.lstm = nn.LSTM(40, 48, num_layers=2, bidirectional=True, proj_size=24)
        self.gru = nn.GRU(40, 48, bias=False)
        self.cell = nn.RNNCell(40, 48)
        self.attention = nn.MultiheadAttention(64, 4)
        self.apart = nn.MultiheadAttention(64, 4, kdim=32, vdim=48, bias=False)
        self.block = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
        self.bilinear = nn.Bilinear(20, 30, 40)
        self.layer_norm = nn.LayerNorm(64)
        self.batch_norm = nn.BatchNorm2d(48)
        self.plain_norm = nn.BatchNorm2d(48, affine=False)
        self.root_norm = nn.RMSNorm(64)
        self.slope = nn.PReLU(8)
        self.mask = nn.Parameter(torch.zeros(1, 1, 64))


def layers() -> nn.Module:
    torch.manual_seed(0)
    return Layers()


def plan(**fields: str) -> Plan:
    return plan_of({name.replace("__", "."): text for name, text in fields.items()})


@pytest.fixture(scope="module")
def graph():
    return graph_of(layers())


@pytest.mark.parametrize("scheme", [scheme.id for scheme in CATALOGUE])
def test_every_scheme_is_drawn_into_every_kind_of_layer(graph, scheme):
    model = layers()
    drawn = applied(graph, Plan(base=scheme), model)
    assert strangers(drawn, model) == []


MIXED = {
    "gains": {
        "base": "kaiming_normal(fan_in,relu)",
        "linear.gain": "1.5335",
        "convolution.gain": "0.5",
        "recurrent.gain": "0.3",
        "attention.gain": "2",
        "embedding.gain": "0.1",
    },
    "defaults with gains": {"linear.gain": "2", "recurrent.gain": "0.5", "attention.gain": "3"},
    "one for each": {
        "linear": "lecun_normal",
        "convolution": "efficientnet.conv",
        "recurrent": "orthogonal(gain=1)",
        "attention": "keras.glorot_normal",
        "embedding": "truncated_normal(0.02,±2σ)",
        "norm.bias": "0.1",
        "linear.bias": "0.01",
        "recurrent.bias": "1",
    },
    "attention apart from linear": {"linear": "zeros", "attention": "xavier_uniform(gain=1)"},
    "kept but for one": {"base": "checkpoint", "recurrent": "lecun_uniform"},
}


@pytest.mark.parametrize("case", MIXED)
def test_choices_gains_and_biases_are_drawn(graph, case):
    model = layers()
    drawn = applied(graph, plan_of(MIXED[case]), model)
    assert strangers(drawn, model) == []


PLANS = (
    {"base": "kaiming_normal(fan_in,relu)", "branch": "0"},
    {"base": "depth_scaled(0.02,2·layers)"},
    {"base": "timm.fix_init(0.02)"},
    {"base": "xavier_uniform(gain=1)", "branch": "0.5", "linear.gain": "0.7"},
)


@pytest.mark.parametrize("fields", PLANS, ids=lambda fields: fields["base"])
@pytest.mark.parametrize("name", SAMPLES)
def test_exported_networks_are_drawn_as_planned(name, fields):
    sample = exported(name)
    graph, model = read(sample.raw)[0], copy.deepcopy(sample.model)
    drawn = applied(graph, plan_of(fields), model)
    assert strangers(drawn, model) == []


def test_the_ends_of_branches_are_found_by_their_names():
    sample = exported("resnet18")
    graph, model = read(sample.raw)[0], copy.deepcopy(sample.model)
    nn.init.ones_(model.layer1[0].bn2.weight)
    applied(graph, Plan(branch=0.0), model)
    assert not model.layer1[0].bn2.weight.any()
    assert model.layer1[0].bn1.weight.all()


def test_a_checkpoints_own_weights_are_multiplied_where_they_stay():
    sample = exported("gpt")
    graph, model = read(sample.raw)[0], copy.deepcopy(sample.model)
    before = copy.deepcopy(model.state_dict())
    applied(graph, plan(base="checkpoint", branch="0.5", linear__gain="2"), model)
    after = model.state_dict()
    torch.testing.assert_close(after["h.0.mlp.0.weight"], 2 * before["h.0.mlp.0.weight"])
    torch.testing.assert_close(after["h.0.mlp.2.weight"], before["h.0.mlp.2.weight"])  # 2 · 0.5
    assert torch.equal(after["wte.weight"], before["wte.weight"])


SPEC = "Linear(784, 512)\nReLU()\n3 x [Linear(512, 512), ReLU()]\nLinear(512, 10)\n"


def written(text: str = SPEC, **fields: str) -> str:
    return init_code(understand(text), plan(**fields))


def test_a_spec_gives_one_line_a_kind():
    code = written(base="kaiming_normal(fan_in,relu)", linear__bias="0")
    expected = """\
    if isinstance(m, nn.Linear):
        nn.init.kaiming_normal_(m.weight, mode="fan_in", nonlinearity="relu")
        if m.bias is not None:
            nn.init.zeros_(m.bias)
"""
    assert code.endswith(expected)


def test_a_spec_s_code_draws_the_modules_that_it_describes():
    layer = [nn.Linear(512, 512), nn.ReLU()]
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), *layer, nn.Linear(512, 10))
    run(written(base="kaiming_normal(fan_in,relu)", linear__bias="0"), model)
    # A std of n = 401,408 draws has a relative standard error of 1/√(2n) = 0.0011.
    assert float(model[0].weight.detach().std()) == pytest.approx((2 / 784) ** 0.5, rel=6 * 0.0011)
    assert not model[0].bias.any()


def test_a_gain_that_torch_does_not_know_is_a_formula():
    assert "std=1.5335 / fan_in**0.5" in written(
        base="kaiming_normal(fan_in,linear)", linear__gain="1.5335"
    )


def test_nothing_is_drawn_by_data_and_the_guard_is_there_where_it_is_needed():
    plain = written(base="lecun_normal")
    assert ".data" not in plain
    assert "no_grad" not in plain
    table = init_code(graph_of(nn.Embedding(100, 8)), plan(base="normal(0.02)"))
    assert "@torch.no_grad()\ndef init_weights" in table


def test_the_default_plan_resets_modules():
    assert "m.reset_parameters()" in written()


def test_changes_of_the_model_itself_are_said_and_not_done():
    text = "Linear(8, 8)\nLayerNorm(8)\nReLU()\n"
    code = " ".join(written(text, act="GELU", normalisation="none").replace("#", "").split())
    assert "every activation becomes nn.GELU()" in code
    assert "its normalisation layers are left out" in code


def test_a_change_that_changes_nothing_is_not_asked_for():
    assert "Change in the model" not in written("Linear(8, 8)\nReLU()\n", act="ReLU")


def test_the_numbers_of_each_kind_are_in_the_docstring():
    code = written(base="kaiming_normal(fan_in,relu)")
    assert "    Linear.weight: normal, std 0.05051 to 0.0625 (5 tensors)\n" in code


@pytest.mark.parametrize("number", range(20))
def test_the_same_plan_gives_the_same_text(number):
    graph = read(exported("vit").raw)[0]
    fields = {"base": CATALOGUE[7 * number % len(CATALOGUE)].id, "branch": "0"}
    assert init_code(graph, plan_of(fields)) == init_code(graph, plan_of(fields))


def test_a_count_that_does_not_fit_is_refused():
    code = init_code(read(exported("resnet18").raw)[0], Plan(branch=0.0))
    with pytest.raises(ValueError, match="expected 8"):
        run(code, nn.Linear(2, 2))


HOSTILE = '"""; import os; x = "\\", \nfoo'


def test_hostile_names_stay_text():
    model = nn.Module()
    holder = nn.Module()
    model._modules['a"b\n'] = holder
    holder.register_parameter("ä\\'", nn.Parameter(torch.zeros(40, 50)))
    graph = graph_of(model)
    unsaved = tuple(replace(one, stored=None) for one in graph.parameters)
    code = init_code(replace(graph, parameters=unsaved), plan(base="xavier_uniform(gain=1)"))
    run(code, model)
    assert next(model.parameters()).any()


def test_a_hostile_name_in_a_layer_of_torch_is_never_an_attribute():
    network = understand(SPEC)
    first, *rest = network.parameters
    hostile = replace(first, name=f"{first.facts.module}.weight),exec(stop)#")
    graph = replace(network, parameters=(hostile, *rest))
    code = init_code(graph, plan(linear="lecun_normal", convolution="lecun_normal"))
    names = [one.id for one in ast.walk(ast.parse(code)) if isinstance(one, ast.Name)]
    assert "exec" not in names


def test_a_hostile_title_stays_in_its_docstring():
    named = replace(understand(SPEC), name=HOSTILE)
    names: dict[str, object] = {}
    exec(compile(init_code(named, Plan()), "init.py", "exec"), names)
    assert "os" not in names


def test_tied_weights_are_drawn_as_the_table_they_are():
    sample = exported("gpt")
    graph, model = read(sample.raw)[0], copy.deepcopy(sample.model)
    fields = plan(base="kaiming_normal(fan_in,relu)", embedding="normal(0.02)")
    drawn = applied(graph, fields, model)
    assert strangers(drawn, model) == []
    assert float(model.wte.weight.detach().std()) < 0.03


def formatted(code: str, *rules: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ruff", *rules, "--isolated", "-"]
    return subprocess.run(command, input=code, capture_output=True, text=True, check=False)


STYLED = ("kaiming_normal(fan_in,relu)", "jax.lecun_normal", "timm.fix_init(0.02)", "t5.query",
          "kaiming_uniform(fan_out,leaky_relu=0.01)", "torch_default")  # fmt: skip


@pytest.mark.parametrize("scheme", STYLED)
@pytest.mark.parametrize("name", ["vit", "lstm", "resnet18"])
def test_the_code_is_as_ruff_would_write_it(name, scheme):
    choices = {"linear": Choice(gain=1.2345678), "norm": Choice(bias=0.5)}
    fields = Plan(base=scheme, branch=0.25, choices=choices, activation="GELU")
    code = init_code(read(exported(name).raw)[0], fields)
    assert formatted(code, "format", "--check").returncode == 0, formatted(
        code, "format", "--diff"
    ).stdout
    checked = formatted(code, "check", "--select", "E,F,W,I", "--ignore", "E501")
    assert checked.returncode == 0, checked.stdout


def test_lines_are_at_most_eighty_eight_wide():
    graph = read(exported("vit").raw)[0]
    code = init_code(graph, plan(base="jax.lecun_normal", linear__gain="1.23456", branch="0"))
    assert max(len(line) for line in code.splitlines()) <= 88
    assert not re.search(r"[ \t]$", code, re.MULTILINE)
