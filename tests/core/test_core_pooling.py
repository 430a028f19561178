import pytest
import torch
from torch import nn

from app.core.pooling import pattern, roles
from tests.torch_checkpoints import bare_state_dict, judged, stored


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(3)


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(width)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 7, bias=False)
        self.layer1 = nn.Sequential(*(Block(32) for _ in range(4)))
        self.fc = nn.Linear(32, 100)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def lines(found):
    return {line.layer: line for line in found.summary.recipe}


def test_the_recipe_of_a_convolutional_network_is_named_line_by_line():
    found = judged(bare_state_dict(Network()))
    assert found.summary.recipe_text == (
        "Kaiming normal (fan_out, relu) on all 9 convolutions; PyTorch default on fc.weight; "
        "norms 1 and 0; biases as PyTorch draws them."
    )


def test_a_square_layer_is_named_by_the_scheme_of_its_kind():
    found = judged(bare_state_dict(Network()))
    square = next(r for r in found.reports if r.name == "layer1.0.conv1.weight")
    assert square.schemes[0] == "kaiming_normal(fan_out,relu)"
    assert square.sentence.startswith("Fits Kaiming normal (fan_out, relu): normal with std")
    assert square.candidates[0].names[0] == "Kaiming normal (fan_out, relu)"
    assert any("Kaiming normal (fan_in, relu)" in remark for remark in square.remarks)


def test_the_remarks_never_say_a_name_is_the_same_as_itself():
    found = judged(bare_state_dict(Network()))
    for report in found.reports:
        own = report.candidates[0].names[0] if report.candidates else "-"
        assert not [r for r in report.remarks if f"Same rule here as {own}" in r]


def test_a_tensor_that_breaks_a_line_is_named_there():
    model = Network()
    nn.init.normal_(model.layer1[2].conv1.weight, std=0.02)
    found = judged(bare_state_dict(model))
    odd = next(r.index for r in found.reports if r.name == "layer1.2.conv1.weight")
    assert lines(found)["convolutions"].breaks == (odd,)


def test_a_line_s_joint_p_is_no_smaller_than_the_level():
    line = lines(judged(bare_state_dict(Network())))["convolutions"]
    assert line.p_value >= 0.001
    assert line.log_likelihood is not None


def test_the_same_scheme_on_one_role_of_every_block_is_no_break():
    model = Network()
    for block in model.layer1:
        nn.init.normal_(block.conv2.weight, std=0.01)
    found = judged(bare_state_dict(model))
    assert [f.code for f in found.findings] == []
    schemes = {line.scheme for line in found.summary.recipe if line.layer == "convolutions"}
    assert schemes == {"kaiming_normal(fan_out,relu)", "normal(0.01)"}


def gpt2(layers=4, width=128, scaled=True):
    weights = {"wte.weight": torch.randn(500, width) * 0.02}
    for block in range(layers):
        at = f"h.{block}"
        weights[f"{at}.ln_1.weight"] = torch.ones(width)
        weights[f"{at}.ln_1.bias"] = torch.zeros(width)
        for name, shape in (
            ("attn.c_attn", (3 * width, width)), ("attn.c_proj", (width, width)),
            ("mlp.c_fc", (4 * width, width)), ("mlp.c_proj", (width, 4 * width)),
        ):  # fmt: skip
            std = 0.02 / (2 * layers) ** 0.5 if scaled and name.endswith("c_proj") else 0.02
            weights[f"{at}.{name}.weight"] = torch.randn(shape) * std
            weights[f"{at}.{name}.bias"] = torch.zeros(shape[0])
    return weights


def test_gpt2_s_recipe_is_known_by_name():
    found = judged(stored(gpt2()))
    assert found.summary.family == "GPT-2's init (Hugging Face, nanoGPT, Megatron)"
    assert found.summary.headline == (
        "All 17 weight tensors are consistent with GPT-2's init (Hugging Face, nanoGPT, Megatron)."
    )
    assert found.findings == ()


def test_missing_depth_scaling_is_told_with_the_std_that_is_meant():
    found = judged(stored(gpt2(scaled=False)))
    finding = next(f for f in found.findings if f.code == "depth_scaling_missing")
    assert finding.limit == pytest.approx(0.02 / 8**0.5)
    assert len(finding.tensors) == 8


def test_numbers_are_left_out_of_a_pattern():
    assert pattern("layers.3.conv2.weight") == "layers.#.conv#.weight"


def test_a_number_that_comes_back_in_every_block_tells_a_role():
    reports = judged(bare_state_dict(Network())).reports
    found = roles([r for r in reports if ".conv" in r.name])
    assert len(set(found.values())) == 2
