from __future__ import annotations

import os
import subprocess
import sys

import pytest

from app.config import Settings
from app.jobs import slots


def test_the_lowest_free_name_is_taken(tmp_path):
    first, second = (slots.claim(tmp_path, "local") for _ in range(2))
    assert (first.name, second.name) == ("local-0", "local-1")
    first.release()
    again = slots.claim(tmp_path, "local")
    assert again.name == "local-0"
    for slot in (second, again):
        slot.release()


def test_the_name_of_a_killed_process_is_free(tmp_path):
    hold = (
        "import pathlib, sys; from app.jobs import slots;"
        "print(slots.claim(pathlib.Path(sys.argv[1]), 'local').name, flush=True);"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"local-0\n"
        with slots.held_if_dead(tmp_path, "local-0") as dead:
            assert not dead
        process.kill()
        process.wait()
        with slots.held_if_dead(tmp_path, "local-0") as dead:
            assert dead


def test_no_worker_takes_a_name_that_is_being_taken_over(tmp_path):
    slots.claim(tmp_path, "local").release()
    with slots.held_if_dead(tmp_path, "local-0"):
        other = slots.claim(tmp_path, "local")
        assert other.name == "local-1"
    other.release()


def test_only_names_of_this_machine_are_neighbours(tmp_path):
    slot = slots.claim(tmp_path, "host-a")
    assert slot.is_neighbour("host-a-7")
    assert not slot.is_neighbour("host-b-7")
    assert not slot.is_neighbour("")
    slot.release()


def test_a_worker_is_alive_while_its_last_sign_of_life_is_recent(tmp_path):
    slot = slots.claim(tmp_path, "local")
    assert slots.alive(tmp_path, within_seconds=60) == 1
    os.utime(tmp_path / "local-0", (0, 0))
    assert slots.alive(tmp_path, within_seconds=60) == 0
    slot.beat()
    assert slots.alive(tmp_path, within_seconds=60) == 1
    slot.release()


def test_machines_that_share_a_database_keep_names_apart(tmp_path):
    local = Settings(_env_file=None, data_dir=tmp_path)
    shared = Settings(_env_file=None, data_dir=tmp_path, database_url="postgresql://h/d")
    assert slots.place(local) == "local"
    assert slots.place(shared) != "local"


def test_workers_of_the_gpu_queue_have_names_of_their_own(tmp_path):
    settings = Settings(_env_file=None, data_dir=tmp_path)
    both = [slots.claim(tmp_path, slots.place(settings, queue=queue)) for queue in ("cpu", "gpu")]
    assert [slot.name for slot in both] == ["local-0", "gpu@local-0"]
    for queue in ("cpu", "gpu"):
        assert slots.alive(tmp_path, within_seconds=60, queue=queue) == 1
    for slot in both:
        slot.release()


def test_workers_of_both_queues_look_after_each_other(tmp_path):
    slot = slots.claim(tmp_path, "gpu@local")
    assert slot.is_neighbour("local-3")
    assert not slot.is_neighbour("elsewhere-0")
    slot.release()


def test_a_silent_worker_elsewhere_is_buried_and_finds_out(tmp_path):
    slot = slots.claim(tmp_path, "host-b")
    slot.release()
    os.utime(tmp_path / "host-b-0", (0, 0))
    with slots.buried_if_silent(tmp_path, "host-b-0", seconds=30) as dead:
        assert dead
    assert not (tmp_path / "host-b-0").exists()


def test_a_worker_elsewhere_that_holds_its_name_is_not_buried(tmp_path):
    slot = slots.claim(tmp_path, "host-b")
    os.utime(tmp_path / "host-b-0", (0, 0))
    with slots.buried_if_silent(tmp_path, "host-b-0", seconds=30) as dead:
        assert not dead
    slot.beat()
    slot.release()


def test_a_worker_elsewhere_that_spoke_lately_is_not_buried(tmp_path):
    slots.claim(tmp_path, "host-b").release()
    with slots.buried_if_silent(tmp_path, "host-b-0", seconds=30) as dead:
        assert not dead


def test_a_worker_whose_name_was_taken_learns_it_at_its_next_beat(tmp_path):
    slot = slots.claim(tmp_path, "host-b")
    (tmp_path / "host-b-0").unlink()
    with pytest.raises(slots.NameLost):
        slot.beat()
    slot.release()


def test_the_jobs_of_a_worker_that_left_are_free_at_once(tmp_path):
    slot = slots.claim(tmp_path, "host-b")
    slot.leave()
    with slots.buried_if_silent(tmp_path, "host-b-0", seconds=30) as dead:
        assert dead


def test_what_a_full_disk_did_not_take_is_told_at_a_later_beat(tmp_path):
    slot = slots.claim(tmp_path, "local")
    kept, full = os.dup(slot._descriptor), os.open("/dev/full", os.O_RDWR)
    os.dup2(full, slot._descriptor)
    slot.tell(device="cpu", missing_walls=[])
    assert (tmp_path / "local-0").read_text() == ""
    os.dup2(kept, slot._descriptor)
    slot.beat()
    assert [one.device for one in slots.signs(tmp_path, within_seconds=60)] == ["cpu"]
    slot.release()
    for descriptor in (kept, full):
        os.close(descriptor)
