"""Plans: what fields and documents tell, what is refused, and which kind a parameter is of."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.activations import INTERCHANGEABLE
from app.core.catalogue import BY_ID
from app.core.plans import (
    LAYER_KINDS,
    MOST,
    NORMALISATIONS,
    Choice,
    Plan,
    checked_plan,
    fields_of,
    kind_of,
    plan_of,
    plan_told,
)
from app.errors import Invalid
from tests.hand_graphs import parameter

SCHEMES = st.sampled_from(list(BY_ID))
GAINS = st.floats(min_value=1e-300, max_value=MOST, allow_nan=False)
BIASES = st.none() | st.floats(min_value=-MOST, max_value=MOST, allow_nan=False)
CHOICES = st.builds(Choice, scheme=st.none() | SCHEMES, gain=GAINS, bias=BIASES)
PLANS = st.builds(
    Plan,
    base=SCHEMES | st.just("checkpoint"),
    choices=st.dictionaries(st.sampled_from(LAYER_KINDS), CHOICES),
    activation=st.none() | st.sampled_from(INTERCHANGEABLE),
    normalisation=st.none() | st.sampled_from(NORMALISATIONS),
    branch=st.none() | st.floats(min_value=0, max_value=MOST),
)


@settings(max_examples=200)
@given(PLANS)
def test_the_fields_of_a_plan_tell_that_plan(plan):
    plan = checked_plan(plan)
    assert plan_of(fields_of(plan)) == plan


@settings(max_examples=100)
@given(PLANS)
def test_the_document_of_a_plan_tells_that_plan(plan):
    plan = checked_plan(plan)
    document = {
        "base": plan.base,
        "choices": {
            kind: {"scheme": one.scheme, "gain": one.gain, "bias": one.bias}
            for kind, one in plan.choices.items()
        },
        "activation": plan.activation,
        "normalisation": plan.normalisation,
        "branch": plan.branch,
    }
    assert plan_told(document) == plan


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(["base", "linear.gain", "branch", "act"]), st.text()))
def test_no_text_does_anything_but_tell_a_plan_or_be_refused(fields):
    try:
        plan = plan_of(fields)
    except Invalid:
        return
    assert checked_plan(plan) == plan


def test_defaults_leave_no_field():
    assert fields_of(Plan(choices={"linear": Choice()})) == {}
    assert plan_of({}) == Plan()


def test_fields_of_other_names_and_empty_ones_say_nothing():
    assert plan_of({"seeds": "8", "linear": "", "branch": " "}) == Plan()


def test_numbers_are_written_as_short_as_they_can_be():
    plan = plan_of({"linear.gain": "2.50", "norm.bias": "-0", "branch": "1e-3"})
    assert fields_of(plan) == {"linear.gain": "2.5", "norm.bias": "0", "branch": "0.001"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"base": "kaiming"}, "such as kaiming_"),
        ({"linear": "lecun_norml"}, "such as lecun_normal"),
        ({"linear": "checkpoint"}, "linear"),
        ({"linear.gain": "0"}, "above 0"),
        ({"linear.gain": "-1"}, "above 0"),
        ({"linear.gain": "1e7"}, "at most 1,000,000"),
        ({"linear.gain": "inf"}, "a number such as 1.5"),
        ({"linear.gain": "1e999"}, "linear.gain"),
        ({"linear.bias": "zero"}, "a number such as 1.5"),
        ({"branch": "-0.5"}, "from 0 to"),
        ({"act": "relu"}, "such as ReLU"),
        ({"normalisation": "batchnorm"}, "such as BatchNorm"),
    ],
)
def test_a_field_that_names_what_there_is_not_is_refused_with_what_there_is(fields, words):
    with pytest.raises(Invalid, match=words):
        plan_of(fields)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "a mapping with some of base"),
        ({"gain": 2}, "got gain"),
        ({"choices": {"conv": {}}}, "got conv"),
        ({"choices": {"linear": 2}}, "scheme, gain, bias"),
        ({"choices": {"linear": {"gain": [2]}}}, "texts and numbers"),
        ({"branch": True}, "branch"),
    ],
)
def test_a_document_of_another_form_is_refused(document, words):
    with pytest.raises(Invalid, match=words):
        plan_told(document)


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (parameter("fc.weight", 4, 3), "linear"),
        (parameter("fc.bias", 4, role="bias", fan_in=3), "linear"),
        (parameter("conv.weight", 4, 3, 3, 3, kind="Conv2d"), "convolution"),
        (parameter("conv.bias", 4, role="bias", kind="Conv2d"), "convolution"),
        (parameter("up.weight", 4, 3, 2, kind="ConvTranspose1d"), "convolution"),
        (parameter("rnn.weight_ih_l0", 16, 3, role="weight_ih", kind="LSTM"), "recurrent"),
        (parameter("rnn.bias_hh_l0", 16, role="bias_hh", kind="LSTM"), "recurrent"),
        (
            parameter("a.in_proj_weight", 12, 4, role="in_proj_weight", kind="MultiheadAttention"),
            "attention",
        ),
        (parameter("h.0.attn.c_proj.weight", 4, 4, kind="Conv1D"), "attention"),
        (parameter("h.0.self_attn.q_proj.bias", 4, role="bias", fan_in=4), "attention"),
        (parameter("h.0.mlp.c_proj.weight", 4, 4, kind="Conv1D"), "linear"),
        (parameter("tok.weight", 10, 4, kind="Embedding"), "embedding"),
        (
            parameter("pos", 1, 10, 4, kind="unknown", attributes={"parts": ("position",)}),
            "embedding",
        ),
        (parameter("bn.weight", 4, role="norm_weight", kind="BatchNorm2d"), "norm"),
        (parameter("bn.bias", 4, role="bias", kind="BatchNorm2d"), "norm"),
        (parameter("layers.0.input_layernorm.weight", 4, kind="unknown"), "norm"),
        (parameter("act.weight", 1, kind="PReLU"), None),
        (parameter("bn.running_mean", 4, role="running_mean", learned=False), None),
    ],
    ids=lambda one: getattr(one, "name", str(one)),
)
def test_each_parameter_is_of_one_kind_of_layer(one, kind):
    assert kind_of(one) == kind
