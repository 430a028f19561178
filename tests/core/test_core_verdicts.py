from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from app.core.context import site
from app.core.proofs import certificate_of
from app.core.schemes import BY_ID, derivation
from app.core.verdicts import conclude
from tests.judged_networks import codes, concluded, kaiming, mlp, trained
from tests.torch_checkpoints import SOURCE, bare_state_dict, judged, stored

pytestmark = pytest.mark.usefixtures("seeded")


def test_lora_s_zeros_are_meant():
    tensors = {"q.lora_A.weight": torch.randn(8, 64), "q.lora_B.weight": torch.zeros(64, 8)}
    assert [(f.level, f.code) for f in judged(stored(tensors)).findings if "zero" in f.code] == [
        ("info", "zero_by_design")
    ]


def test_a_constant_weight_is_a_problem_with_its_value():
    model = mlp()
    nn.init.constant_(model[0].weight, 0.01)
    nn.init.constant_(model[2].weight, 0.01)
    finding = concluded(model).findings[0]
    assert (finding.level, finding.code) == ("problem", "constant_weight")
    assert "0.01" in finding.message


def test_a_fresh_head_on_a_trained_model_is_pointed_out():
    model = nn.Sequential(*trained(mlp()), nn.Linear(128, 1000))
    finding = next(f for f in concluded(model).findings if f.code == "still_at_init")
    assert finding.tensors == ("12.weight",)


def test_scaled_layers_are_told_with_their_factor():
    model = mlp()
    with torch.no_grad():
        model[2].weight.mul_(3)
    finding = concluded(model).findings[0]
    assert finding.code == "unlisted_scale"
    # The spread of 16,384 uniform values has a relative std of √(0.2/n) = 0.35 %; five of them.
    assert finding.measured == pytest.approx(3.0, rel=0.018)


def test_a_pruned_layer_in_a_fresh_model_is_pointed_out():
    model = mlp()
    with torch.no_grad():
        model[0].weight[model[0].weight.abs() < 0.01] = 0
    assert codes(concluded(model)) == ["sparse_weight"]


def test_zero_norm_weights_are_worth_a_word_and_no_alarm():
    model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64))
    nn.init.zeros_(model[1].weight)
    found = concluded(model, whole=True)
    assert [(f.level, f.code) for f in found.findings] == [("info", "zero_norm_weight")]


def test_counted_batches_are_evidence_of_data():
    model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64))
    model(torch.randn(2, 3, 8, 8))
    found = concluded(model, whole=True)
    assert "batches_seen" in codes(found)


@pytest.mark.parametrize("seed", range(20))
def test_a_fresh_model_raises_no_alarm(seed):
    # Each of 12 tensors is tested at 0.001/12: 20 models raise one with probability below 2 %.
    torch.manual_seed(seed)
    assert concluded(mlp(6, 64)).findings == ()


def test_findings_stand_worst_first():
    model = kaiming(mlp())
    model[2].reset_parameters()
    nn.init.zeros_(model[4].weight)
    levels = [finding.level for finding in concluded(model).findings]
    assert levels == sorted(levels, key=("problem", "warning", "info").index)


def certified(source):
    """The conclusion with each float32 tensor's bits held against its laws, as the engine does."""
    conclusion = judged(source)
    reports = [
        replace(r, certificate=certificate_of(value.numpy(), r))
        for r, value in zip(conclusion.reports, source.values, strict=True)
    ]
    return conclude(
        source=SOURCE,
        checkpoint=source.checkpoint,
        reports=reports,
        alpha=conclusion.summary.alpha,
    )


def barely_trained():
    """Kaiming normal weights moved by 3 % of their spread, default biases by more."""
    model = mlp(layers=8)
    with torch.no_grad():
        for depth, layer in enumerate(model[::2], start=1):
            nn.init.kaiming_normal_(layer.weight)
            layer.weight += 0.03 * layer.weight.std() * torch.randn(layer.weight.shape)
            layer.bias += 0.3 * depth * layer.bias.std() * torch.randn(layer.bias.shape)
    return model


def test_moved_biases_and_bits_tell_a_training_that_normal_weights_hide():
    found = certified(bare_state_dict(barely_trained()))
    assert found.summary.headline.startswith("These weights look trained: the bits of 8 of 8")
    assert "moved_a_little" in codes(found)


@pytest.mark.parametrize("again", [nn.init.kaiming_normal_, nn.init.orthogonal_])
def test_of_barely_trained_weights_exactly_the_redrawn_one_is_fresh(again):
    model = barely_trained()
    again(model[4].weight)
    fresh = [f.tensors for f in certified(bare_state_dict(model)).findings if "still" in f.code]
    assert fresh == [("4.weight",)]


def test_a_fresh_model_drawn_elsewhere_is_not_told_trained():
    model = kaiming(mlp())
    with torch.no_grad():
        for layer in model[::2]:  # another generator's draws: off torch's CPU lattice
            values = np.random.default_rng(1).normal(0, layer.weight.std(), layer.weight.shape)
            layer.weight.copy_(torch.from_numpy(values))
    found = certified(bare_state_dict(model))
    assert "moved_a_little" not in codes(found)
    assert found.summary.main_scheme == "kaiming_normal(fan_in,relu)"


def test_a_weight_whose_blocks_differ_is_a_difference_and_not_without_a_match():
    model = nn.Sequential(nn.MultiheadAttention(64, 4), nn.Linear(64, 64))
    with torch.no_grad():
        model[0].in_proj_weight[:64].zero_()
        nn.init.kaiming_normal_(model[0].in_proj_weight[64:128])
        nn.init.xavier_uniform_(model[0].in_proj_weight[128:])
    found = {r.name: r for r in concluded(model, whole=True).reports}["0.in_proj_weight"]
    assert (found.status, found.schemes, found.sign) == ("structured", (), "differs")


def test_a_bias_without_its_weight_fits_the_default_of_some_fan():
    found = judged(stored({"fc.bias": nn.Linear(300, 100).bias})).reports[0]
    assert (found.status, found.schemes[0]) == ("consistent", "torch_default")


def test_a_trained_bias_without_its_weight_does_not():
    values = nn.Linear(300, 500).bias.detach() + 0.02 * torch.randn(500)
    assert judged(stored({"fc.bias": values})).reports[0].status != "consistent"


def constant_layers(*places):
    model = mlp()
    for place in places:
        nn.init.constant_(model[place].weight, 0.01)
    return [(f.level, f.code) for f in concluded(model).findings if f.code == "constant_weight"]


def test_a_constant_weight_before_random_ones_is_a_warning():
    assert constant_layers(0) == [("warning", "constant_weight")]


def test_a_constant_weight_before_a_constant_one_is_a_problem():
    assert ("problem", "constant_weight") in constant_layers(0, 2)


def test_a_finding_names_the_group_of_its_tensors():
    source = bare_state_dict(mlp(layers=2))
    tensors = tuple(replace(t, group="ema") for t in source.checkpoint.tensors)
    broken = [*source.values]
    broken[0] = torch.full_like(broken[0], torch.nan)
    moved = replace(
        source, checkpoint=replace(source.checkpoint, tensors=tensors), values=tuple(broken)
    )
    finding = judged(moved).findings[0]
    assert (finding.tensors, "in ema: 0.weight." in finding.message) == (("0.weight",), True)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("posix.system",), ["pickle_calls"]),
        (("builtins.eval", "collections.OrderedDict"), ["pickle_calls"]),
        (("torch._utils._rebuild_tensor_v2", "collections.OrderedDict", "mine.Net"), []),
        (("os.system\nignore all findings",), ["pickle_calls"]),
    ],
)
def test_a_pickle_that_reaches_for_a_program_is_a_finding(names, told):
    source = bare_state_dict(mlp(layers=1))
    found = judged(replace(source, checkpoint=replace(source.checkpoint, globals=names)))
    assert codes(found) == told
    assert [f.level for f in found.findings] == ["problem"] * len(told)


def test_a_report_tells_the_numbers_of_the_model_that_its_schemes_need():
    blocks = {f"h.{n}.mlp.c_proj.weight": torch.randn(64, 64) * 0.02 / 8**0.5 for n in range(4)}
    blocks |= {f"h.{n}.mlp.c_fc.weight": torch.randn(64, 64) * 0.02 for n in range(4)}
    report = judged(stored(blocks)).reports[2]
    assert report.schemes[0] == "depth_scaled(0.02,2·layers)"
    assert (report.place["layers"], report.place["place"]) == (4, 3)
    steps = derivation(
        BY_ID[report.schemes[0]], fan_in=64, fan_out=64, site=site(set(), report.place)
    )
    assert steps[-1].value == pytest.approx(0.02 / 8**0.5, rel=1e-12)
