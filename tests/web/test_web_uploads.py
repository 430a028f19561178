from __future__ import annotations

import anyio
import pytest
from starlette.requests import ClientDisconnect

from app.errors import UploadInterrupted
from app.web.uploads import Body, sniff


def blobs(settings) -> list:
    folder = settings.data_dir / "blobs"
    return [path for path in folder.rglob("*") if path.is_file()]


def test_an_upload_is_answered_by_its_digest_and_size(client, digest):
    content = b"PK\x03\x04" + bytes(5000)
    answer = client.post("/api/v1/files?name=model.pt", content=content)
    assert answer.status_code == 201
    assert answer.json() == {
        "id": digest(content)[:32],
        "name": "model.pt",
        "bytes": 5004,
        "sha256": digest(content),
        "format": "zip",
    }


def test_the_same_bytes_have_the_same_address(client):
    first = client.post("/api/v1/files?name=a.pt", content=b"\x80\x02rest").json()
    second = client.post("/api/v1/files?name=b.pt", content=b"\x80\x02rest").json()
    assert second["id"] == first["id"]


def test_a_chunked_body_needs_no_announced_size(client, digest):
    def pieces():
        yield from (b"ab", b"cd", b"ef")

    answer = client.post("/api/v1/files", content=pieces())
    assert answer.json()["sha256"] == digest(b"abcdef")


def test_a_body_announced_above_the_limit_is_refused_before_it_comes(client, settings):
    too_many = {"Content-Length": str(settings.max_upload_bytes + 1)}
    answer = client.post("/api/v1/files", content=b"x", headers=too_many)
    assert answer.status_code == 413
    assert answer.json()["error"] == "too_large"
    assert blobs(settings) == []


def test_a_body_that_grows_above_the_limit_is_refused_on_the_way(client, settings):
    def pieces():
        for _ in range(80):
            yield bytes(2**16)

    answer = client.post("/api/v1/files", content=pieces())
    assert answer.status_code == 413
    assert blobs(settings) == []


def test_an_upload_the_disk_has_no_room_for_is_refused(client, settings):
    client.app.state.services.blobs._min_free_bytes = 2**60
    answer = client.post("/api/v1/files", content=b"abc")
    assert answer.status_code == 507
    assert answer.json()["error"] == "storage_full"


def test_a_body_shorter_than_announced_is_not_kept(client, settings):
    answer = client.post("/api/v1/files", content=b"abc", headers={"Content-Length": "10"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "upload_interrupted"
    assert blobs(settings) == []


def test_an_empty_body_is_refused(client):
    answer = client.post("/api/v1/files", content=b"")
    assert (answer.status_code, answer.json()["error"]) == (422, "empty_file")


class HungUp:
    """A request whose sender goes away after three bytes."""

    def __init__(self):
        self.headers = {"content-length": "10"}

    async def stream(self):
        yield b"abc"
        raise ClientDisconnect


def test_a_sender_that_hangs_up_is_an_interrupted_upload():
    async def read() -> None:
        async for _ in Body(HungUp()).chunks():
            pass

    with pytest.raises(UploadInterrupted, match="expected 10 bytes, received 3"):
        anyio.run(read)


@pytest.mark.parametrize(
    ("head", "looks_like"),
    [
        (b"PK\x03\x04\x00\x00", "zip"),
        (b"\x80\x02\x8a\x0al\xfc\x9cF", "pickle"),
        (b'\x10\x00\x00\x00\x00\x00\x00\x00{"a":', "safetensors"),
        (b"<!DOCTYPE html><", "unknown"),
        (b"", "unknown"),
        (b"\xff" * 8 + b"{", "unknown"),
    ],
)
def test_the_first_bytes_tell_what_a_file_looks_like(head, looks_like):
    assert sniff(head) == looks_like


def test_a_form_without_scripts_is_kept_and_leads_on(client):
    answer = client.post(
        "/upload",
        files={"file": ("model.pt", b"\x80\x02abc", "application/octet-stream")},
        headers={"Accept": "text/html"},
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/jobs/")


def test_a_form_of_several_network_pieces_keeps_every_byte(client, digest):
    content = bytes(range(256)) * 3000
    answer = client.post("/upload", files={"file": ("x.bin", content)})
    assert answer.json()["id"] == digest(content)[:32]


def test_a_form_without_a_file_says_so(client):
    answer = client.post("/upload", files={"file": ("", b"")})
    assert answer.status_code == 422
    assert "a file in the field 'file'" in answer.json()["message"]


def test_a_form_above_the_limit_is_refused(client, settings):
    answer = client.post("/upload", files={"file": ("x.pt", bytes(settings.max_upload_bytes + 1))})
    assert answer.status_code == 413
    assert blobs(settings) == []


def test_a_form_without_a_boundary_is_refused(client):
    answer = client.post("/upload", content=b"abc", headers={"Content-Type": "multipart/form-data"})
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")


def test_a_form_of_garbage_is_refused(client):
    answer = client.post(
        "/upload", content=b"abc", headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")


def test_an_upload_by_script_is_answered_by_the_address_to_open(client):
    answer = client.post("/upload?name=a.pt", content=b"\x80\x02abc")
    assert answer.json()["url"] == f"/jobs/{answer.json()['id']}"


def test_an_upload_that_was_analysed_before_opens_its_report(site):
    content = site.safetensors(w=(2, 2))
    run = site.submit(content)
    site.finish(run, [site.tensor(0, "w")])
    answer = site.client.post("/upload?name=again.safetensors", content=content)
    assert answer.json()["url"] == f"/m/{run}"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\passwd", "\x00passwd\u202e"])
def test_a_name_is_shown_and_never_a_path(client, name):
    answer = client.post("/api/v1/files", params={"name": name}, content=b"abc")
    assert answer.json()["name"] == "passwd"
