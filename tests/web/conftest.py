from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime

import orjson
import pytest
from planned_measurements import MLP, PlanMeasurements
from starlette.testclient import TestClient

from app.config import Settings
from app.core.report import SCHEMA, Overview, Source, Summary, TensorReport, TensorRow
from app.jobs import slots
from app.main import create_app
from app.store import documents
from app.store.attempts import Attempts
from app.store.facts import Failure, Measured, Part, Run

ORIGIN = "http://localhost:8000"


def safetensors(**shapes: tuple[int, ...]) -> bytes:
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 4
        for axis in shape:
            size *= axis
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = orjson.dumps(header)
    return len(text).to_bytes(8, "little") + text + bytes(end)


def tensor(index: int, name: str, **changes: object) -> TensorReport:
    facts: dict[str, object] = {
        "index": index,
        "name": name,
        "group": "",
        "module": name.rpartition(".")[0],
        "shape": (4, 4),
        "strides": (4, 1),
        "dtype": "float32",
        "parameter": True,
        "alias_of": None,
        "kind": "Linear",
        "kind_certainty": "confirmed",
        "role": "weight",
        "fan_in": 4,
        "fan_out": 4,
        "fan_certainty": "confirmed",
        "evidence": "name and shape",
        "count": 16,
        "nonfinite": 0,
        "nan": 0,
        "zeros": 0,
        "min": -0.4,
        "max": 0.4,
        "mean": 0.01,
        "std": 0.2,
        "skewness": None,
        "kurtosis": float("nan"),
        "quantiles": {"0.5": 0.0},
        "default": None,
        "outside_default_bound": 0.0,
        "outside_default_count": 0,
        "status": "too_small",
        "sign": "not_judged",
        "sentence": "Too few values to tell.",
        "remarks": (),
        "schemes": (),
        "candidates": (),
    }
    return TensorReport(**{**facts, **changes})


def row(report: TensorReport) -> TensorRow:
    shared = {item.name for item in dataclasses.fields(TensorRow)}
    values = {
        item.name: getattr(report, item.name)
        for item in dataclasses.fields(report)
        if item.name in shared
    }
    own = {
        "scheme": None,
        "scheme_name": "too few values",
        "default_bound": 0.5,
        "default_std": 0.289,
        "std_ratio": 0.7,
        "constant": None,
    }
    return TensorRow(**values, **own)


def overview(source: Source, reports: list[TensorReport]) -> Overview:
    summary = Summary(
        tensors=len(reports),
        parameters=16 * len(reports),
        buffers=0,
        parameter_tensors=len(reports),
        buffer_tensors=0,
        dtypes={"float32": len(reports)},
        headline="Too few values to tell.",
        status="not_judged",
        signs={"not_judged": len(reports)},
        main_scheme=None,
        alpha=0.001,
    )
    rows = tuple(row(report) for report in reports)
    return Overview(schema=SCHEMA, source=source, summary=summary, findings=(), rows=rows)


def run_fact(**changes: object) -> Run:
    facts: dict[str, object] = {
        "id": "0" * 32,
        "file": "0" * 32,
        "name": "a.pt",
        "bytes": 10,
        "sha256": "0" * 64,
        "state": "running",
        "step": "measuring",
        "done": 80,
        "total": 161,
        "attempt": 1,
        "job": "job",
        "error": None,
        "created_at": datetime(2026, 5, 3, tzinfo=UTC),
        "started_at": None,
        "finished_at": None,
        "reported": False,
        "schema": None,
        "headline": None,
        "status": None,
        "tensors": None,
    }
    return Run(**{**facts, **changes})


class Site:
    """The app on a temporary store, and what a worker would write into that."""

    tensor = staticmethod(tensor)
    safetensors = staticmethod(safetensors)

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.services = client.app.state.services
        self.attempts = Attempts(self.services.runs._engine)

    def call(self, coroutine):
        async def wait():
            return await coroutine

        return self.client.portal.call(wait)

    def upload(self, content: bytes, *, name: str = "model.safetensors") -> str:
        answer = self.client.post("/api/v1/files", params={"name": name}, content=content)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def submit(self, content: bytes = b"", *, name: str = "model.safetensors") -> str:
        file = self.upload(content or safetensors(w=(2, 2)), name=name)
        answer = self.client.post("/api/v1/runs", json={"file": file})
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def job(self, run: str) -> str:
        return self.call(self.services.runs.run(run)).job

    def finish(self, run: str, reports: list[TensorReport]) -> None:
        found = self.call(self.services.runs.run(run))
        source = Source(
            name=found.name, format="safetensors", bytes=found.bytes, sha256=found.sha256
        )
        self.call(self.attempts.step(found.job, "measuring"))
        part = Part(number=0, tensors=len(reports), todo=b"[]")
        self.call(self.attempts.plan(found.job, inventory=b"{}", parts=[part]))
        kept = [documents.dump(report) for report in reports]
        measured = [Measured(index=i, report=report, sketch=None) for i, report in enumerate(kept)]
        self.call(self.attempts.measured(found.job, 0, measured))
        shown = overview(source, reports)
        assert self.call(self.attempts.finish(found.job, overview=shown, reports=kept))

    def sign_of_life(self) -> None:
        """As a worker gives it at its start."""
        settings = self.client.app.state.services.settings
        slots.claim(settings.data_dir / slots.FOLDER, slots.place(settings)).release()

    def fail(self, run: str, *, code: str, message: str, hint: str) -> None:
        failure = Failure(code=code, message=message, hint=hint)
        assert self.call(self.attempts.fail(self.job(run), failure))


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no .env of the place where the tests start
    return Settings(data_dir=tmp_path / "data", min_free_bytes=0, max_upload_bytes=2**22)


@pytest.fixture
def client(settings):
    with TestClient(
        create_app(settings),
        base_url=ORIGIN,
        follow_redirects=False,
        raise_server_exceptions=False,
    ) as opened:
        yield opened


@pytest.fixture
def site(client):
    return Site(client)


@pytest.fixture
def whatif(site):
    """The address of the What if page of a network of 21 layers."""
    return f"/m/{site.upload(MLP, name='net.yaml')}/compare"


@pytest.fixture
def plans(site):
    return PlanMeasurements(site)


@pytest.fixture
def digest():
    return lambda content: hashlib.sha256(content).hexdigest()


@pytest.fixture
def run():
    return run_fact
