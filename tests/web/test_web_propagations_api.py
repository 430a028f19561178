from __future__ import annotations

import io

import numpy as np
import pytest

from app.core.plans import Choice, Plan
from app.core.propagation import SCHEMA, Architecture, PropagationReport
from app.store.facts import Failure

TEXT = "input: [8]\nlayers:\n  - Linear(8, 8)\n  - ReLU()\n"
SPEC = {"input": [8], "layers": [{"Linear": {"in_features": 8, "out_features": 8}}, "ReLU"]}
PRINTED = "Net(\n  (fc): Linear(in_features=4, out_features=4, bias=True)\n)\n"
MISSING = "0" * 32


def order(**changes):
    return {"architecture": {"text": TEXT}, "seeds": 2, "batch": 4, **changes}


def ordered(site, **changes):
    return site.client.post("/api/v1/propagations", json=order(**changes))


def accepted(site, **changes) -> str:
    answer = ordered(site, **changes)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def stored(site, run):
    return site.call(site.services.propagations.find(run))


def report() -> PropagationReport:
    architecture = Architecture(
        id=MISSING, name="n", origin="spec", parameters=72, operations=2, layers=1, inputs=((8,),)
    )
    return PropagationReport(
        schema=SCHEMA,
        architecture=architecture,
        input={"law": "normal", "shape": "8", "file": None},
        seeds=2,
        batch=4,
        device="cpu",
        series=(),
    )


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros((4, 8), np.float32))
    return file.getvalue()


def test_an_order_is_accepted_with_its_address(site):
    answer = ordered(site)
    assert answer.status_code == 202
    run = answer.json()["id"]
    assert answer.json() == {"id": run, "url": f"/m/{run}/propagation", "state": "queued"}


def test_the_same_order_has_the_same_address(site):
    assert accepted(site) == accepted(site, schemes=["torch_default"], device="auto")


@pytest.mark.parametrize(
    "changes",
    [{"seeds": 3}, {"mode": "eval"}, {"architecture": {"spec": SPEC}}, {"activation": "GELU"}],
)
def test_another_order_has_another_address(site, changes):
    assert accepted(site) != accepted(site, **changes)


def test_a_plan_is_kept_and_shown(site):
    plan = {"choices": {"linear": {"scheme": "lecun_normal", "gain": 1.5}}, "activation": "GELU"}
    run = accepted(site, plan=plan)
    assert stored(site, run).order.plan == Plan(
        choices={"linear": Choice(scheme="lecun_normal", gain=1.5)}, activation="GELU"
    )
    told = site.client.get(f"/api/v1/runs/{run}").json()["ordered"]["order"]["plan"]
    assert told["choices"]["linear"]["gain"] == 1.5


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"base": "kaiming"}, "kaiming_"),
        ({"base": "checkpoint"}, "plan's base"),
        ({"choices": {"dense": {}}}, "dense"),
        ({"choices": {"linear": {"gain": 0}}}, "gain"),
        ({"choices": {"linear": {"gain": 1e9}}}, "gain"),
        ({"choices": {"linear": {"scheme": "he"}}}, "linear"),
        ({"activation": "relu"}, "ReLU"),
        ({"normalisation": "Batch"}, "normalisation"),
        ({"branch": -1}, "branch"),
        ({"gain": 2}, "gain"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_with_what_was_expected(site, plan, words):
    answer = ordered(site, plan=plan)
    assert answer.status_code == 422
    assert words in answer.json()["message"]


def test_the_law_of_the_input_is_kept(site):
    run = accepted(site, input={"law": "uniform01"})
    assert stored(site, run).order.input == "uniform01"


def test_a_file_of_inputs_is_kept(site):
    file = site.upload(npy(), name="batch.npy")
    found = stored(site, accepted(site, input={"file": file}))
    assert (found.order.input, found.inputs) == ("file", file)


def test_a_file_that_may_hold_weights_is_its_own_checkpoint(site):
    file = site.upload(b"PK\x03\x04" + bytes(30), name="model.pt2")
    found = stored(site, accepted(site, architecture={"file": file}))
    assert (found.network, found.weights, found.order.checkpoint) == (file, file, True)


def test_a_checkpoint_beside_a_text_is_a_series(site):
    file = site.upload(site.safetensors(w=(2, 2)))
    found = stored(site, accepted(site, weights=file))
    assert (found.weights, found.order.checkpoint) == (file, True)


def test_its_progress_is_told_where_a_run_tells_its(site):
    run = accepted(site)
    document = site.client.get(f"/api/v1/runs/{run}").json()
    assert (document["state"], document["ordered"]["order"]["seeds"]) == ("queued", 2)
    assert document["progress"] == {"step": "waiting", "done": 0, "total": 0}
    assert "series" not in document


def test_its_document_is_told_where_a_run_tells_its(site):
    run = accepted(site)
    job = stored(site, run).job
    assert site.call(site.services.propagations.finish(job, report(), headline="Steady."))
    document = site.client.get(f"/api/v1/runs/{run}").json()
    assert (document["schema"], document["headline"]) == (SCHEMA, "Steady.")
    assert document["architecture"]["parameters"] == 72
    again = ordered(site)
    assert (again.status_code, again.json()["state"]) == (200, "done")


def test_its_error_is_told_where_a_run_tells_its(site):
    run = accepted(site)
    failure = Failure(code="cannot_run", message="This network cannot be run.", hint="Try.")
    site.call(site.services.propagations.fail(stored(site, run).job, failure))
    document = site.client.get(f"/api/v1/runs/{run}").json()
    assert document["error"]["error"] == "cannot_run"


def test_those_of_each_state_are_counted(site):
    accepted(site)
    assert 'initscope_propagations{state="queued"} 1.0' in site.client.get("/metrics").text


def test_its_events_are_told_where_a_run_tells_its(site):
    run = accepted(site)
    site.call(site.services.propagations.cancelled(stored(site, run).job))
    text = site.client.get(f"/api/v1/runs/{run}/events").text
    assert "event: state" in text
    assert '"state":"cancelled"' in text


def test_it_is_cancelled_and_deleted_as_a_run_is(site):
    run = accepted(site)
    network = stored(site, run).network
    assert site.client.post(f"/api/v1/runs/{run}/cancel").json()["state"] == "cancelled"
    assert site.client.delete(f"/api/v1/runs/{run}").status_code == 204
    assert site.client.get(f"/api/v1/runs/{run}").status_code == 404
    assert ordered(site, architecture={"file": network}).status_code == 404  # its text went along


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schemes": ["kaiming_norm(fan_in,relu)"]}, "kaiming_normal(fan_in,relu)"),
        ({"schemes": []}, "at least one"),
        ({"activation": "relu"}, "ReLU"),
        ({"seeds": 10**6}, "64"),
        ({"batch": 10**9}, "1024"),
        ({"schemes": ["torch_default"] * 50}, "12"),
        ({"architecture": {}}, "exactly one of file, text and spec"),
        ({"architecture": {"text": TEXT, "spec": SPEC}}, "exactly one"),
        ({"input": {"law": "normal", "file": MISSING}}, "exactly one of law and file"),
        ({"device": "tpu"}, "cuda"),
        ({"architecture": {"text": "layers:\n  - Linear(8, x)\n"}}, "line 2"),
        ({"architecture": {"text": PRINTED}}, "cannot be run"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_what_was_expected(site, changes, words):
    answer = ordered(site, **changes)
    assert answer.status_code == 422
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    "changes",
    [{"architecture": {"file": MISSING}}, {"weights": MISSING}, {"input": {"file": MISSING}}],
)
def test_a_file_that_does_not_exist_is_named(site, changes):
    answer = ordered(site, **changes)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_a_gpu_that_no_worker_has_is_refused(site):
    answer = ordered(site, device="cuda")
    assert (answer.status_code, answer.json()["error"]) == (503, "no_gpu_worker")


def test_what_is_understood_of_a_text_is_told(client):
    told = client.post("/api/v1/architectures", json={"text": TEXT}).json()
    assert (told["runs"], told["parameters"], told["error"]) == (True, 72, None)
    assert [one["kind"] for one in told["layers"]] == ["Linear", "ReLU"]
    assert (told["layers"][0]["parameters"], told["layers"][0]["line"]) == (72, 3)


def test_a_spec_is_understood_as_its_text_is(client):
    told = client.post("/api/v1/architectures", json={"spec": SPEC}).json()
    assert (told["runs"], told["parameters"]) == (True, 72)


def test_what_is_wrong_with_a_text_is_told_with_its_line(client):
    told = client.post("/api/v1/architectures", json={"text": "layers:\n  - Linea(8, 8)"}).json()
    assert (told["runs"], told["error"]["error"]) == (False, "not_a_network")
    assert told["error"]["line"] == 2


def test_the_parts_of_a_printed_model_are_told_with_the_reason(client):
    told = client.post("/api/v1/architectures", json={"text": PRINTED}).json()
    assert (told["runs"], told["error"]) == (False, None)
    assert "forward" in told["reason"]
    assert told["layers"][0]["parameters"] == 20


@pytest.mark.parametrize("inner", [2**70, 5])
def test_a_spec_that_cannot_be_written_down_is_refused(site, inner):
    spec = inner
    for _ in range(1 if inner > 5 else 300):
        spec = {"layers": spec}
    told = site.client.post("/api/v1/architectures", json={"spec": spec}).json()
    assert told["error"]["error"] == "not_a_network"
    assert ordered(site, architecture={"spec": spec}).status_code == 422


def test_a_hugging_face_config_is_left_to_the_worker(site):
    text = '{"model_type": "bert", "hidden_size": 8}'
    told = site.client.post("/api/v1/architectures", json={"text": text}).json()
    assert (told["runs"], told["origin"]) == (True, "hugging face config")
    assert stored(site, accepted(site, architecture={"text": text})).name == "config.json"


def test_the_schema_of_a_spec_is_published(client):
    told = client.get("/api/v1/spec-schema.json").json()
    assert told["$schema"].startswith("https://json-schema.org/")


def test_the_operators_are_published_with_their_family(client):
    assert client.get("/api/v1/operators").json()["aten.linear.default"] == "linear"


def test_an_uploaded_text_is_a_network_and_not_a_broken_checkpoint(site):
    answer = site.client.post("/upload", params={"name": "net.yaml"}, content=TEXT.encode())
    run = answer.json()["id"]
    assert answer.json() == {"id": run, "url": f"/m/{run}/propagation", "state": "queued"}
    network = stored(site, run).network
    assert site.call(site.services.runs.find(network)) is None
    assert site.client.get(f"/m/{network}/propagation").status_code == 200


def test_an_uploaded_batch_is_kept_and_not_analysed(site):
    answer = site.client.post("/upload", params={"name": "batch.npy"}, content=npy())
    assert answer.status_code == 422
    file = answer.json()["message"].split()[-1].rstrip(".")
    assert site.call(site.services.runs.file(file)).format == "npy"
    assert site.call(site.services.runs.find(file)) is None


def test_a_web_page_is_still_read_as_a_checkpoint_that_it_is_not(site):
    answer = site.client.post("/upload", content=b"<!doctype html><title>Log in</title>")
    assert answer.json()["url"].startswith("/jobs/")


def test_the_order_is_documented_with_an_example(client):
    schema = client.get("/api/v1/openapi.json").json()["components"]["schemas"]["NewPropagation"]
    assert schema["examples"][0]["architecture"]["text"]
