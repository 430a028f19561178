from __future__ import annotations

import pytest


def test_every_scheme_is_published_with_its_law(client):
    schemes = client.get("/api/v1/schemes").json()["schemes"]
    found = {scheme["id"]: scheme for scheme in schemes}
    assert found["kaiming_normal(fan_out,relu)"]["law"] == "normal"
    assert all(scheme["source"] for scheme in schemes)


def test_schemes_of_one_law_name_each_other(client):
    schemes = client.get("/api/v1/schemes").json()["schemes"]
    aliases = {scheme["id"]: scheme["aliases"] for scheme in schemes}
    assert all(one in aliases[other] for one, others in aliases.items() for other in others)


def test_schemes_are_worked_out_at_the_fans_asked_for(client):
    schemes = client.get("/api/v1/schemes?fan_in=50&fan_out=10").json()["schemes"]
    steps = next(s["steps"] for s in schemes if s["id"] == "kaiming_normal(fan_in,relu)")
    std = next(step["value"] for step in steps if step["symbol"] == "std")
    assert std == pytest.approx((2 / 50) ** 0.5, rel=1e-15)  # one rounding of the root


def test_one_fan_alone_is_refused(client):
    answer = client.get("/api/v1/schemes?fan_in=50")
    assert answer.status_code == 422
    assert "fan_in and fan_out together" in answer.json()["message"]


def test_the_default_of_a_layer_is_answered_with_its_bound(client):
    answer = client.get("/api/v1/defaults?layer=Linear&in_features=64&out_features=10")
    weight = answer.json()["parameters"]["weight"]
    assert weight["bound"] == 0.125
    assert weight["steps"] != []


def test_the_default_of_a_convolution_takes_a_kernel_of_two_sides(client):
    query = "layer=Conv2d&in_channels=4&out_channels=8&kernel_size=2,2&bias=false"
    parameters = client.get(f"/api/v1/defaults?{query}").json()["parameters"]
    assert list(parameters) == ["weight"]
    assert parameters["weight"]["bound"] == 0.25  # 1/√(4·2·2)


@pytest.mark.parametrize(
    "query",
    [
        "layer=Nonsense",
        "layer=Linear",
        "layer=Linear&in_features=x&out_features=1",
        "layer=Linear&in_features=-1&out_features=1",
        "layer=Linear&in_features=1.5&out_features=1",
        "layer=Linear&out_features=1&in_features=" + "9" * 400,
        "layer=Linear&in_features=1&out_features=1&beauty=3",
        "layer=__class__",
    ],
)
def test_a_layer_that_cannot_be_is_refused(client, query):
    answer = client.get(f"/api/v1/defaults?{query}")
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")


def test_more_arguments_than_any_layer_has_are_refused(client):
    query = "&".join(f"a{number}=1" for number in range(21))
    answer = client.get(f"/api/v1/defaults?layer=Linear&{query}")
    assert answer.status_code == 422
    assert "at most 20 arguments, each once" in answer.json()["message"]


def test_an_argument_given_twice_is_refused(client):
    query = "layer=Linear&in_features=1&in_features=2&out_features=3"
    assert client.get(f"/api/v1/defaults?{query}").status_code == 422


def test_every_scheme_is_worked_out_step_by_step(client):
    schemes = client.get("/api/v1/schemes?fan_in=50&fan_out=10").json()["schemes"]
    assert [s["id"] for s in schemes if not s["steps"]] == []


def test_a_scheme_of_the_depth_uses_the_depth_asked_for(client):
    address = "/api/v1/schemes?fan_in=768&fan_out=768&layers=24"
    schemes = client.get(address).json()["schemes"]
    scheme = next(s for s in schemes if s["id"] == "depth_scaled(0.02,2·layers)")
    assert scheme["needs"] == ["layers"]
    assert scheme["applies_to"] == ["residual"]
    assert [step["symbol"] for step in scheme["steps"]] == ["layers", "std"]
    assert scheme["steps"][-1]["value"] == pytest.approx(0.02 / 48**0.5, rel=1e-12)


def test_a_layer_made_of_layers_has_its_defaults(client):
    query = "layer=TransformerEncoderLayer&d_model=64&nhead=4&dim_feedforward=128"
    parameters = client.get(f"/api/v1/defaults?{query}").json()["parameters"]
    assert parameters["linear2.weight"]["bound"] == pytest.approx(128**-0.5)
    assert parameters["self_attn.out_proj.bias"]["value"] == 0.0
