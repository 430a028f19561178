from __future__ import annotations

import asyncio
import io
from typing import NamedTuple

import numpy as np
import pytest
import torch
from ordered_networks import MLP, ORDER
from safetensors.numpy import save
from working_service import Service

from app.architecture.expecting import Setting, expected, kept_in
from app.config import Settings
from app.core.graph import Graph, Inventory
from app.core.plans import Choice, Plan
from app.core.propagation import Order, PropagationReport
from app.store.facts import Propagation
from app.store.propagations import Asked, OwnMoments
from tests.corpus import onnx_files

FEW = Order(seeds=1, batch=4)
CONFIG = (
    b'{"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 16, "vocab_size": 32,'
    b'"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "auto_map": {}}'
)
PLAN = Plan(base="checkpoint", activation="Identity", choices={"linear": Choice(gain=2.0)})
KEPT = Order(schemes=(), checkpoint=True, seeds=1, batch=4, plan=PLAN)


class Ended(NamedTuple):
    found: Propagation
    report: PropagationReport | None
    network: Graph | Inventory | None
    moments: OwnMoments | None


def exported() -> bytes:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(16, 16), torch.nn.Tanh(), torch.nn.Linear(16, 4))
    batch = torch.export.Dim("batch")
    program = torch.export.export(model, (torch.randn(4, 16),), dynamic_shapes=({0: batch},))
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def saved(model: torch.nn.Module) -> bytes:
    file = io.BytesIO()
    torch.save(model, file)
    return file.getvalue()


def onnx() -> bytes:
    weight = np.full((4, 8), 0.25, np.float32)
    nodes = (
        onnx_files.node("Gemm", ["x", "w"], "h", transB=1),
        onnx_files.node("Relu", ["h"], "y"),
    )
    return onnx_files.model(
        *nodes,
        onnx_files.held(weight, "w"),
        onnx_files.given("x", "batch", 8),
        onnx_files.result("y"),
    )


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


PICKLED = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))
TENSORS = {
    "0.weight": np.ones((32, 32), np.float32),
    "2.weight": np.ones((8, 31), np.float32),
    "extra": np.ones(3, np.float32),
}


async def asked_for(service) -> dict[str, Asked]:
    """Orders of every kind that a worker may meet."""
    keep = service.keep
    spec, pt2 = await keep(MLP, "net.yaml"), await keep(exported(), "model.pt2")
    pickled = await keep(saved(PICKLED), "model.pt")
    own = Order(schemes=(), checkpoint=True, seeds=1, batch=4)
    file = Order(schemes=(), checkpoint=True, input="file", mode="eval")
    onnx_file = await keep(onnx(), "model.onnx")
    files = {
        "printed": b"Net(\n  (fc): Linear(in_features=4, out_features=4, bias=True)\n)\n",
        "mistaken": b"layers:\n  - Linear(3, x)\n",
        "noise": b"\x00\x01\x02",
        "state dict": save({"fc.weight": np.ones((4, 8), np.float32)}),
    }
    nets = {name: await keep(content, name) for name, content in files.items()}
    weights = await keep(save(TENSORS), "model.safetensors")
    weights_of_none = await keep(save({"x": np.ones(3, np.float32)}), "other.safetensors")
    inputs = await keep(npy(np.ones((6, 16), np.float32)), "batch.npy")
    wrong = await keep(npy(np.ones((6, 5), np.float32)), "wrong.npy")
    return {
        "config": Asked(
            network=await keep(CONFIG, "config.json"), weights=None, inputs=None, order=FEW
        ),
        "spec": Asked(network=spec, weights=None, inputs=None, order=ORDER),
        "pt2": Asked(network=pt2, weights=pt2, inputs=inputs, order=file),
        "pickled": Asked(network=pickled, weights=pickled, inputs=None, order=own),
        "onnx": Asked(network=onnx_file, weights=onnx_file, inputs=None, order=own),
        "planned": Asked(network=pt2, weights=pt2, inputs=None, order=KEPT),
        "nothing kept": Asked(network=spec, weights=weights_of_none, inputs=None, order=KEPT),
        "joined": Asked(network=spec, weights=weights, inputs=None, order=own),
        "wrong batch": Asked(network=pt2, weights=pt2, inputs=wrong, order=file),
        "no batch": Asked(network=pt2, weights=pt2, inputs=spec, order=file),
        **{
            name: Asked(network=file, weights=None, inputs=None, order=ORDER)
            for name, file in nets.items()
        },
    }


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """What became of each order: the measurement, its report, its network."""

    async def body() -> dict[str, Ended]:
        folder = tmp_path_factory.mktemp("propagations")
        settings = Settings(_env_file=None, data_dir=folder, poll_seconds=0.1, min_free_bytes=0)
        service = Service(settings)
        try:
            service.start()
            kept = service.propagations
            orders = await asked_for(service)
            begun = {name: await service.submitter.propagate(a) for name, a in orders.items()}
            found = {name: await service.measured(one) for name, one in begun.items()}
            again = await service.submitter.propagate(orders["spec"])
            assert again == found["spec"]  # the report that exists
            return {
                name: Ended(
                    one,
                    await kept.report(one.id),
                    await kept.network(one.network),
                    await kept.moments(one.network, one.weights or ""),
                )
                for name, one in found.items()
            }
        finally:
            await service.close()

    return asyncio.run(body())


def test_a_spec_is_measured_from_order_to_report(ended):
    found, report, network, _ = ended["spec"]
    assert (found.state, found.error) == ("done", None)
    assert [one.scheme for one in report.series] == list(ORDER.schemes)
    assert (report.architecture.layers, report.architecture.parameters) == (2, 33 * 32 + 33 * 8)
    assert isinstance(network, Graph)


def test_an_exported_program_is_measured_with_its_own_weights_and_a_batch(ended):
    found, report, _, _ = ended["pt2"]
    assert (found.state, found.error) == ("done", None)
    assert [one.scheme for one in report.series] == ["checkpoint"]
    assert report.series[0].layers[0].forward.input_share == 0.0  # all inputs are the same


def test_a_plan_is_a_series_beside_the_weights_that_it_keeps(ended):
    found, report, _, moments = ended["planned"]
    assert (found.state, found.error) == ("done", None)
    assert [one.scheme for one in report.series] == ["checkpoint", "plan"]
    assert report.plan == PLAN
    own, planned = ({one.name: one.rms for one in each.gradients} for each in report.series)
    assert planned["0.weight"] == pytest.approx(2 * own["0.weight"], rel=1e-6)  # float32 products
    assert planned["0.bias"] == own["0.bias"]
    assert moments.by_name["0.weight"].second == pytest.approx(own["0.weight"] ** 2, rel=1e-6)


def test_the_theory_of_kept_weights_can_be_calculated_from_their_kept_moments(ended):
    _, report, network, moments = ended["planned"]
    setting = Setting(batch=4)
    found = expected(network, PLAN, own=moments.by_name, setting=setting).prediction
    assert found.nodes == kept_in(report.series[1]).nodes
    assert found.nodes


def test_a_plan_that_keeps_weights_which_no_file_holds_is_refused(ended):
    found = ended["nothing kept"].found
    assert (found.state, found.error.code) == ("failed", "cannot_run")
    assert "choose a scheme" in found.error.message


def test_a_whole_pickled_module_is_measured_with_its_own_weights(ended):
    found, report, _, _ = ended["pickled"]
    assert (found.state, found.error) == ("done", None)
    assert report.architecture.origin == "pickled module"
    with torch.no_grad():
        rms = float(PICKLED[0].weight.square().mean().sqrt())
    assert report.series[0].gradients[0].rms == pytest.approx(rms, rel=1e-6)  # sums in float64


def test_an_onnx_file_is_measured_with_its_own_weights(ended):
    found, report, _, _ = ended["onnx"]
    assert (found.state, found.error) == ("done", None)
    assert report.architecture.origin == "onnx"
    assert report.series[0].gradients[0].rms == 0.25


def test_what_a_checkpoint_lacks_is_listed(ended):
    found, report, _, _ = ended["joined"]
    assert (found.state, found.error) == ("done", None)
    assert set(report.join["missing"]) == {"0.bias", "2.bias"}
    assert report.join["unused"] == ("extra",)
    assert "(8, 32)" in report.join["differ"][0]


def test_a_network_that_cannot_run_is_kept_as_an_inventory(ended):
    found, _, network, _ = ended["printed"]
    assert (found.state, found.error.code) == ("failed", "cannot_run")
    assert isinstance(network, Inventory)


def test_a_bare_state_dict_is_never_run_but_suggests_a_spec(ended):
    found, _, network, _ = ended["state dict"]
    assert (found.state, found.error.code) == ("failed", "cannot_run")
    assert "Linear(8, 4" in network.suggestion


def test_a_hugging_face_config_is_built_and_measured(ended):
    pytest.importorskip("transformers")
    found, report, _, _ = ended["config"]
    assert (found.state, found.error) == ("done", None)
    assert report.architecture.origin == "hugging face config"
    assert "auto_map" in " ".join(report.architecture.notes)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("mistaken", "not_a_network"),
        ("noise", "not_a_checkpoint"),
        ("wrong batch", "not_an_input"),
        ("no batch", "not_an_input"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(ended, name, code):
    assert (ended[name].found.state, ended[name].found.error.code) == ("failed", code)
