"""Certificates of judged tensors: proved where untouched, refuted after a step, else silent."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from app.core.proofs import SAMPLE, certificate_of, may_prove, sampled, sentence_of
from app.core.sketch import sketch
from tests.torch_checkpoints import judged, numbers, whole_module

torch.set_num_threads(1)

INITS = [
    lambda w: nn.init.uniform_(w, -0.07, 0.07),
    lambda w: nn.init.normal_(w, 0, 0.02),
    lambda w: nn.init.normal_(w, 0, 0.0333),
    nn.init.kaiming_uniform_,
    nn.init.kaiming_normal_,
    lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="leaky_relu"),
    nn.init.xavier_uniform_,
    nn.init.xavier_normal_,
]
NAMES = ["uniform", "normal", "unlisted", "ku", "kn", "kn_out", "xu", "xn"]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(31)


def layer(init=None, *, size=(96, 160)):
    model = nn.Linear(size[1], size[0])
    if init:
        init(model.weight)
    return model


def proved(model, name="weight"):
    """A tensor's report with its certificate, as the analysis has it."""
    source = whole_module(model)
    report = next(r for r in judged(source).reports if r.name == name)
    values = numbers(source.values[report.index])
    seen = sketch(values, dtype=report.dtype)
    if not may_prove(report, low_bits=seen.low_bits):
        return report
    return dataclasses.replace(report, certificate=certificate_of(values, report))


def verdict(model, name="weight"):
    told = proved(model, name).certificate
    return told and told["verdict"]


@pytest.mark.parametrize("init", [None, *INITS], ids=["default", *NAMES])
def test_a_fresh_weight_is_certified(init):
    assert verdict(layer(init)) == "bit_exact_draw"


@pytest.mark.parametrize("init", [None, *INITS], ids=["default", *NAMES])
def test_one_step_of_a_thousandth_of_the_gradient_takes_the_certificate(init):
    model = layer(init)
    loss = model(torch.randn(64, 160)).square().mean()
    loss.backward()
    with torch.no_grad():
        model.weight -= 1e-3 * model.weight.grad
    # At a scale that nobody lists, a uniform draw that moved is not told from one elsewhere.
    assert verdict(model) in ({"refuted", None} if init is INITS[0] else {"refuted"})


def test_a_tensor_longer_than_the_sample_says_how_much_was_looked_at():
    told = proved(layer(nn.init.kaiming_normal_, size=(300, 301))).certificate
    assert (told["verdict"], told["tested"], told["values"]) == ("bit_exact_draw", SAMPLE, 90300)
    assert "32,768 of its 90,300 values" in told["reason"]


def test_the_std_is_told_where_the_radii_tell_it():
    told = proved(layer(nn.init.kaiming_normal_)).certificate
    assert told["std"] == pytest.approx((2 / 160) ** 0.5)
    assert proved(layer(INITS[2])).certificate["std"] is None


def test_a_short_bias_of_a_default_layer_is_certified():
    assert verdict(layer(size=(64, 160)), "bias") == "bit_exact_draw"


def test_fewer_than_16_normal_values_leave_no_lattice():
    assert verdict(nn.Embedding(1, 12)) is None


def test_an_embedding_with_a_padding_row_is_certified():
    assert verdict(nn.Embedding(100, 24, padding_idx=0)) == "bit_exact_draw"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_dtypes_are_not_claimed(dtype):
    assert verdict(layer().to(dtype)) is None


def test_a_draw_that_passed_through_16_bits_is_not_claimed():
    assert verdict(layer().bfloat16().float()) is None


@pytest.mark.parametrize("law", ["uniform", "normal"])
def test_a_numpy_draw_is_refuted(law):
    model, chance = layer(), np.random.default_rng(1)
    drawn = chance.uniform(-1, 1, (96, 160)) if law == "uniform" else chance.normal(0, 1, (96, 160))
    scale = 160**-0.5 if law == "uniform" else (2 / 160) ** 0.5
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(drawn * scale))
    assert verdict(model) == "refuted"


@pytest.mark.parametrize(
    "init", [nn.init.orthogonal_, nn.init.eye_, nn.init.zeros_, lambda w: nn.init.sparse_(w, 0.5)]
)
def test_tensors_that_are_no_plain_draw_are_not_claimed(init):
    assert verdict(layer(init)) is None


def test_a_truncated_normal_is_not_refuted():
    assert verdict(layer(lambda w: nn.init.trunc_normal_(w, std=0.02, a=-0.04, b=0.04))) is None


def test_the_sentence_of_a_certified_tensor_says_so():
    sentence = sentence_of(proved(layer()))
    assert sentence.startswith("Fits PyTorch default: uniform on ±0.07906")
    assert sentence.endswith("; its bits are those of an untouched float32 draw.")


def test_the_sentence_of_any_other_tensor_stays():
    report = proved(layer().bfloat16())
    assert sentence_of(report) == report.sentence


def test_a_sample_keeps_together_what_was_drawn_together():
    values = np.arange(100_003, dtype=np.float32)
    runs = sampled(values).reshape(-1, 16)
    assert runs.size == SAMPLE
    assert (runs[:, 0] % 16 == 0).all()
    assert (np.diff(runs, axis=1) == 1).all()
    assert runs.max() < values.size - 16


def test_a_sample_is_taken_in_logical_order():
    values = np.arange(250 * 200, dtype=np.float32).reshape(250, 200)
    assert np.array_equal(sampled(np.asfortranarray(values)), sampled(values))


def short_layers(draw):
    """Layers of some dozens of values, their weights and biases drawn by `draw(parameter, at)`."""
    layers = nn.ModuleList(nn.Linear(5 + at, 7 + 3 * at) for at in range(24))
    with torch.no_grad():
        for at, parameter in enumerate(layers.parameters()):
            draw(parameter, 0.01 * 1.3 ** (at % 12))
    return layers


DRAWS = {
    "default": lambda p, _: p,
    "uniform": lambda p, s: p.uniform_(-s, s),
    "normal": lambda p, s: p.normal_(0, s),
    "cut": lambda p, s: nn.init.trunc_normal_(p, std=s, a=-2 * s, b=2 * s),
    "shifted uniform": lambda p, s: p.uniform_(s, 3 * s),
    "positive": lambda p, s: p.uniform_(0, s),
    "shifted normal": lambda p, s: p.normal_(1, s),
}


def verdicts(model):
    source = whole_module(model)
    for report in judged(source).reports:
        values = numbers(source.values[report.index])
        if may_prove(report, low_bits=sketch(values, dtype=report.dtype).low_bits):
            yield report, certificate_of(values, report)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_no_short_cpu_draw_is_refuted_whatever_its_law(draw):
    assert not any(
        told and told["verdict"] == "refuted" for _, told in verdicts(short_layers(draw))
    )


def test_a_small_step_refutes_most_short_default_draws():
    model = short_layers(DRAWS["default"])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 1e-4 * parameter.std() * torch.randn(parameter.shape)
    found = [told and told["verdict"] for report, told in verdicts(model) if report.count >= 100]
    assert "bit_exact_draw" not in found
    # Of some the set holds a truncated normal too, whose draws leave no lattice: nothing is said.
    assert found.count("refuted") > 0.8 * len(found)


@pytest.mark.parametrize("init", [None, nn.init.kaiming_normal_], ids=["uniform", "normal"])
def test_a_pruned_draw_is_none_though_its_other_values_are_untouched(init):
    model = layer(init)
    with torch.no_grad():
        model.weight[torch.rand(96, 160) < 0.3] = 0
    told = proved(model).certificate
    assert told["verdict"] == "refuted"
    assert "exactly 0" in told["reason"]
    assert "the others stand where an untouched draw leaves them" in told["reason"]


def test_a_normal_draw_that_was_transposed_is_certified():
    model = layer(nn.init.kaiming_normal_, size=(160, 160))
    with torch.no_grad():
        model.weight.copy_(model.weight.t().clone())
    told = proved(model).certificate
    assert told["verdict"] == "bit_exact_draw"
    assert "column by column" in told["reason"]


def test_a_float32_draw_of_numpy_is_called_a_float32_draw():
    model, chance = layer(), np.random.default_rng(1)
    drawn = (2 * chance.random((96, 160), dtype=np.float32) - 1) * np.float32(160**-0.5)
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(drawn))
    assert sentence_of(proved(model)).endswith("its bits are those of an untouched float32 draw.")


def test_the_sentence_of_a_law_that_fits_says_when_the_bits_do_not():
    model = layer()
    with torch.no_grad():
        model.weight *= 1 - 1e-6
    assert sentence_of(proved(model)).endswith(
        "; but its bits are no CPU draw's: moved a little, or drawn elsewhere."
    )


def by_inverse_error(weight, std):
    """What trunc_normal_ of timm draws where it cuts far out."""
    with torch.no_grad():
        weight.uniform_(-1, 1).erfinv_().mul_(std * 2**0.5)


def test_a_draw_through_the_inverse_error_function_is_certified():
    told = proved(layer(lambda w: by_inverse_error(w, 0.02))).certificate
    assert (told["verdict"], told["std"]) == ("bit_exact_draw", 0.02)
    assert "trunc_normal_ of timm" in told["reason"]


def test_a_short_one_of_them_is_not_refuted():
    model = layer(lambda w: by_inverse_error(w, 0.02), size=(8, 24))
    assert verdict(model) in {None, "bit_exact_draw"}


def test_a_small_step_takes_its_certificate():
    model = layer(lambda w: by_inverse_error(w, 0.02))
    with torch.no_grad():
        model.weight += 1e-6 * torch.randn(96, 160)
    assert verdict(model) == "refuted"


def test_stds_far_from_the_values_own_are_never_proved():
    told = proved(layer(lambda w: nn.init.normal_(w, std=1e-6))).certificate
    assert told["verdict"] == "bit_exact_draw"
    assert told["std"] in {None, 1e-6}
