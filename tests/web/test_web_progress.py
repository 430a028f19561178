from __future__ import annotations

import pytest

from app.web.progress import job_status, percent, place_of


def test_measuring_counts_its_tensors(run):
    notes = [step.note for step in job_status(run()).steps]
    assert notes == ["done", "done", "80 of 161 tensors", ""]


def test_the_line_names_the_step_and_the_count(run):
    assert job_status(run()).line.endswith("(80 of 161 tensors) …")


def test_a_waiting_run_has_no_percentage(run):
    assert percent(run(state="queued", step="waiting", done=0, total=0)) is None


@pytest.mark.parametrize("done", range(162))
def test_the_percentage_rises_and_never_ends_early(run, done):
    before, now = percent(run(done=max(done - 1, 0))), percent(run(done=done))
    assert before is not None
    assert now is not None
    assert before <= now < 100


@pytest.mark.parametrize("step", ["reading the directory", "measuring", "concluding"])
def test_every_step_of_a_worker_has_its_line(run, step):
    states = [line.state for line in job_status(run(step=step)).steps]
    assert states.count("now") == 1
    assert states[0] == "done"


@pytest.mark.parametrize(("workers", "told"), [(0, True), (1, False), (2, False)])
def test_a_run_that_no_worker_carries_says_so(run, workers, told):
    assert ("No worker is alive" in job_status(run(), workers=workers).notice) is told


def test_a_finished_run_needs_no_worker(run):
    assert job_status(run(state="failed", step=""), workers=0).notice == ""


def test_a_finished_run_has_all_steps_done(run):
    status = job_status(run(state="done", step=""))
    assert {line.state for line in status.steps} == {"done"}
    assert status.percent == 100


@pytest.mark.parametrize(
    ("state", "place"),
    [("done", "/m/"), ("queued", "/jobs/"), ("failed", "/jobs/"), ("cancelled", "/jobs/")],
)
def test_a_run_is_at_its_report_once_that_is_done(run, state, place):
    assert place_of(run(state=state)) == place + "0" * 32
