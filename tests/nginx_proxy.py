"""An nginx before the service as docs/deploy.md has it, run by an ordinary user."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ORDINARY = "nobody"  # whom root becomes
ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "docs" / "deploy.md"
UNPACKED = ROOT / ".venv" / "nginx" / "usr" / "sbin"
EXAMPLE = re.compile(r"```nginx\n(.*?)```", re.DOTALL)
NAME = "localhost"
PATIENCE = 500  # looks of 0.02 s: a deadline for a loaded machine

AROUND = """
daemon off;
master_process off;
error_log stderr warn;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{server}
}}
"""


def binary() -> str | None:
    """nginx, on the path, where Debian puts it, or where `.ci/nginx` unpacks it."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:{UNPACKED}")


def example() -> str:
    """The server that the documentation shows."""
    found = EXAMPLE.search(DEPLOY.read_text())
    assert found is not None
    return found[1]


class Proxy:
    """A running nginx."""

    def __init__(self, folder: Path, port: int) -> None:
        self.origin = f"https://{NAME}:{port}"
        self.certificate = folder / "certificate.pem"

    @property
    def trust(self) -> ssl.SSLContext:
        """Of its certificate, which it signed itself."""
        return ssl.create_default_context(cafile=str(self.certificate))


@contextmanager
def nginx(folder: Path, upstream: str, *, strips: bool = False) -> Iterator[Proxy]:
    """nginx before an address while the block runs.

    Args:
        folder: An empty one.
        upstream: "127.0.0.1:8000".
        strips: Whether it takes the path off.
    """
    port = _free_port()
    proxy = Proxy(folder, port)
    key = folder / "key.pem"
    _certify(proxy.certificate, key)
    changes = {
        "listen 443": f"listen 127.0.0.1:{port}",
        "server_name lab.example": f"server_name {NAME}",
        "/etc/ssl/certs/lab.example.pem": str(proxy.certificate),
        "/etc/ssl/private/lab.example.key": str(key),
        "http://127.0.0.1:8000": f"http://{upstream}{'/' if strips else ''}",
    }
    server = example()
    for shown, here in changes.items():
        assert shown in server, shown
        server = server.replace(shown, here)
    text = AROUND.format(folder=folder, server=server)
    (folder / "nginx.conf").write_text(text)
    running = _started(folder)
    try:
        _wait_for(port, running)
        yield proxy
    finally:
        running.terminate()
        running.wait()


def _started(folder: Path) -> subprocess.Popen[bytes]:
    found = binary()
    assert found is not None
    program = shutil.copy(found, folder)  # to where whoever runs it may look
    user = ORDINARY if os.getuid() == 0 else None
    if user is not None:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user)
    command = [program, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
    return subprocess.Popen(command, user=user, cwd=folder)


def _certify(certificate: Path, key: Path) -> None:
    names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*command, *names, *files], check=True, stderr=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for(port: int, running: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    for _ in range(PATIENCE):
        assert running.poll() is None, "nginx ended at its start"
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        pause.wait(0.02)
    raise TimeoutError("nginx did not listen")
