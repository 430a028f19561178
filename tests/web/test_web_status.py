from __future__ import annotations

from app.jobs import slots
from app.jobs.slots import Sign
from app.web.status import Queue, Status, judged

WALLED = Sign(name="local-0", queue="cpu", seconds=1.0, device="cpu", missing_walls=())
GPU = Sign(name="gpu@local-0", queue="gpu", seconds=1.0, device="cuda:0", missing_walls=())


def status(workers=(WALLED, GPU), queued=0, free=2):
    queues = (Queue(name="Analyses", queued=queued, running=0),)
    return Status(
        workers=workers,
        queues=queues,
        disk_free=free,
        disk_total=10,
        disk_reserved=1,
        database="SQLite",
    )


def test_a_service_with_workers_and_room_is_ready():
    found = judged(status())
    assert (found.sign, found.headline, found.lines) == ("as_expected", "1 worker alive.", ())


def test_what_waits_is_told():
    assert judged(status(queued=3)).headline == "1 worker alive; 3 jobs waiting."


def test_without_a_worker_the_page_says_that_work_waits():
    assert judged(status(workers=())).headline == "No worker is alive: what is sent waits."


def test_a_full_disk_is_told_before_anything_else():
    found = judged(status(free=1))
    assert found.sign == "differs"
    assert found.headline.startswith("The disk is full")


def test_a_missing_wall_is_named():
    weak = Sign(name="a-0", queue="cpu", seconds=1.0, device="cpu", missing_walls=("landlock",))
    assert "lacks landlock" in judged(status(workers=(weak, GPU))).headline


def test_without_a_gpu_the_page_says_what_that_means():
    assert "measured on the CPU" in judged(status(workers=(WALLED,))).lines[0]


def test_the_page_lists_the_workers(site):
    folder = site.client.app.state.services.settings.data_dir / slots.FOLDER
    slot = slots.claim(folder, "east")
    slot.tell(device="cpu", missing_walls=["landlock"])
    text = site.client.get("/status").text
    assert "east-0" in text
    assert "lacks landlock" in text
    slot.release()


def test_the_json_twin_tells_the_same(site):
    body = site.client.get("/status.json").json()
    assert [one["name"] for one in body["queues"]] == ["Analyses", "Propagations"]
