"""Every row of the table of torch.nn's defaults: each class built fresh, drawn, and judged.

The rows were measured with torch itself (up to 1e6 draws each, Kolmogorov-Smirnov against the
formula); here every parameter's kind, fans and law are compared with its row.
"""

import functools
import json
import math
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.torch_checkpoints import bare_state_dict, judged, whole_module

TABLE = Path(__file__).parents[1] / "corpus" / "default_init.json"
ROWS = json.loads(TABLE.read_text())["rows"]
CONFIGS = list(dict.fromkeys((row["cls"], row["config"]) for row in ROWS))
NORMS = {
    "LayerNorm": lambda: nn.LayerNorm((7, 9)),
    "GroupNorm": lambda: nn.GroupNorm(4, 16),
    **{
        name: functools.partial(getattr(nn, name), 16)
        for name in ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm")
    },
    **{
        f"InstanceNorm{n}d(affine=True)": functools.partial(
            getattr(nn, f"InstanceNorm{n}d"), 16, affine=True
        )
        for n in (1, 2, 3)
    },
}


def lazy(module: nn.Module, *shape: int) -> nn.Module:
    module(torch.zeros(shape))
    return module


def lazy_module(config: str) -> nn.Module:
    name = config.partition("(")[0]
    axes = int(re.search(r"(\d)d", name).group(1)) if "d" in name[-2:] else 0
    if name == "LazyLinear":
        return lazy(nn.LazyLinear(160), 2, 96)
    if "Norm" in name:
        affine = {"affine": True} if "Instance" in name else {}
        return lazy(getattr(nn, name)(**affine), 2, 16, *[5] * axes)
    return lazy(getattr(nn, name)(40, 3), 2, 24, *[5] * axes)


def transformer(config: str) -> nn.Module:
    settings = {"dim_feedforward": 128, "batch_first": True}
    if config.startswith("Transformer("):
        return nn.Transformer(64, 4, 2, 2, **settings)
    half = "Encoder" if "Encoder" in config else "Decoder"
    layer = getattr(nn, f"Transformer{half}Layer")(64, 4, **settings)
    if "Layer(" in config:
        return layer
    extra = {"enable_nested_tensor": False} if half == "Encoder" else {}
    return getattr(nn, f"Transformer{half}")(layer, 2, **extra)


def convolution(config: str) -> nn.Module:
    name, numbers = re.match(r"(Conv\w+)\((.*)\)$", config).groups()
    arguments = eval(f"dict(a=[{numbers.partition(',groups')[0]}], {numbers.split(',')[-1]})")
    return getattr(nn, name)(*arguments.pop("a"), **arguments)


def recurrent(config: str) -> nn.Module:
    name = config.partition("(")[0]
    if "proj_size" in config:
        return nn.LSTM(20, 48, proj_size=12)
    if "bidirectional" in config:
        return getattr(nn, name)(20, 48, 2, bidirectional=True)
    return getattr(nn, name)(20, 48)


SINGLE = {
    "NonDynamicallyQuantizableLinear": lambda: nn.modules.linear.NonDynamicallyQuantizableLinear(
        96, 160
    ),
    "Linear(": lambda: nn.Linear(96, 160),
    "Bilinear": lambda: nn.Bilinear(20, 30, 40),
    "Conv2d channels_last": lambda: nn.Conv2d(24, 40, 3).to(memory_format=torch.channels_last),
    "Embedding(1000,64)": lambda: nn.Embedding(1000, 64),
    "Embedding(1000,64,padding_idx=3)": lambda: nn.Embedding(1000, 64, padding_idx=3),
    "EmbeddingBag": lambda: nn.EmbeddingBag(1000, 64),
    "MultiheadAttention(64,4)": lambda: nn.MultiheadAttention(64, 4),
    "MultiheadAttention(64,4,kdim": lambda: nn.MultiheadAttention(
        64, 4, kdim=32, vdim=48, add_bias_kv=True
    ),
    "RMSNorm": lambda: nn.RMSNorm(32),
    "PReLU": lambda: nn.PReLU(8),
    "AdaptiveLogSoftmax": lambda: nn.AdaptiveLogSoftmaxWithLoss(64, 1000, [50, 200], div_value=4),
}


def build(config: str) -> nn.Module:
    torch.manual_seed(20240607)
    if config in NORMS:
        return NORMS[config]()
    if config.startswith("Lazy"):
        return lazy_module(config)
    if config.startswith("Transformer"):
        return transformer(config)
    if config.startswith(("RNN", "LSTM", "GRU")):
        return recurrent(config)
    found = next((make for start, make in SINGLE.items() if config == start), None)
    found = found or next(
        (make for start, make in SINGLE.items() if config.startswith(start)), None
    )
    return found() if found else convolution(config)


@functools.cache
def model(config: str) -> nn.Module:
    return build(config)


@functools.cache
def reports(config: str, whole: bool):
    source = whole_module(model(config)) if whole else bare_state_dict(model(config))
    conclusion = judged(source)
    return {report.name: report for report in conclusion.reports}


@functools.cache
def row_ids() -> list[str]:
    return [f"{row['config']}-{row['param']}" for row in ROWS]


def law_is(default, row) -> bool:
    if row["dist"] == "constant":
        return default.law == "constant" and default.value == row["value"]
    same_bound = (
        math.isclose(default.bound, row["bound"], rel_tol=1e-9)
        if "bound" in row
        else default.bound is None
    )
    return (
        default.law == row["dist"]
        and same_bound
        and math.isclose(default.std, row["std"], rel_tol=1e-9)
    )


def owner(config: str, parameter: str) -> str:
    path = parameter.rpartition(".")[0]
    return type(model(config).get_submodule(path)).__name__


@pytest.mark.parametrize("row", ROWS, ids=row_ids())
def test_a_row_s_parameter_has_the_row_s_shape(row):
    assert list(reports(row["config"], True)[row["param"]].shape) == row["shape"]


@pytest.mark.parametrize("row", ROWS, ids=row_ids())
def test_a_whole_module_s_kind_and_law_are_the_row_s(row):
    report = reports(row["config"], True)[row["param"]]
    assert (report.kind, report.kind_certainty) == (owner(row["config"], row["param"]), "confirmed")
    assert report.default is not None
    assert law_is(report.default, row)
    assert report.default.certainty != "unknown"


@pytest.mark.parametrize("row", ROWS, ids=row_ids())
def test_a_whole_module_s_fans_are_those_of_torch_init(row):
    report = reports(row["config"], True)[row["param"]]
    weight = dict(model(row["config"]).named_parameters())[row["param"]]
    if weight.dim() < 2 or "Norm" in report.kind:
        return
    fans = nn.init._calculate_fan_in_and_fan_out(weight)
    assert (report.fan_in, report.fan_out) == fans


@pytest.mark.parametrize("row", ROWS, ids=row_ids())
def test_a_bare_state_dict_s_kind_is_right_or_unknown(row):
    report = reports(row["config"], False)[row["param"]]
    path = row["param"].rpartition(".")[0]
    truth = type(model(row["config"]).get_submodule(path))
    # A NonDynamicallyQuantizableLinear on its own is a Linear by name, shape and behaviour.
    assert report.kind in {"unknown", *(base.__name__ for base in truth.__mro__)}
    assert report.kind_certainty in {"unknown", "inferred"}


@pytest.mark.parametrize("row", ROWS, ids=row_ids())
def test_a_bare_state_dict_s_law_is_right_or_left_open(row):
    default = reports(row["config"], False)[row["param"]].default
    assert default is None or law_is(default, row)


@pytest.mark.parametrize("row", ROWS, ids=row_ids())
def test_no_value_of_a_fresh_parameter_is_outside_its_default_bound(row):
    report = reports(row["config"], True)[row["param"]]
    assert report.outside_default_count in {0, None}
    assert (report.outside_default_count is None) == (report.default.bound is None)


@pytest.mark.parametrize("row", ROWS, ids=row_ids())
def test_the_default_is_among_the_schemes_of_a_fresh_parameter(row):
    assert "torch_default" in reports(row["config"], True)[row["param"]].schemes


@pytest.mark.parametrize(("cls", "config"), CONFIGS, ids=[config for _, config in CONFIGS])
def test_a_fresh_module_has_no_finding_worse_than_info(cls, config):
    source = whole_module(model(config))
    assert [f for f in judged(source).findings if f.level != "info"] == []
