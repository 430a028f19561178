"""Templates and static files, found in a checkout and in an installed wheel alike."""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from typing_extensions import override

import app
from app.web.addresses import at

if TYPE_CHECKING:
    import os

    from starlette.types import Scope

FOREVER = "public, max-age=31536000, immutable"
CHECKED = "no-cache"  # kept, but asked for again with its ETag
PACKED = frozenset({".css", ".js", ".mjs", ".svg", ".txt"})  # kinds of file sent compressed
PACKED_LEAST_BYTES = 1000  # below one packet it saves nothing
PACKAGE = Path(app.__file__).parent


def folder(name: str) -> Path:
    """The folder `templates` or `static`: inside an installed package, beside it in a checkout."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


@lru_cache(maxsize=256)
def _digest(path: Path, _modified: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


@lru_cache(maxsize=64)
def _packed(path: Path, _modified: int) -> bytes:
    return gzip.compress(path.read_bytes(), mtime=0)


def version_of(path: Path) -> str:
    """12 hex digits that change whenever the file does."""
    return _digest(path, path.stat().st_mtime_ns)


def static_url(name: str) -> str:
    """The address of a static file with its content's version, cacheable for ever.

    Raises:
        FileNotFoundError: If `static/name` does not exist, so a wrong name fails in the first test.
    """
    return at(f"/static/{name}?v={version_of(folder('static') / name)}")


class VersionedFiles(StaticFiles):
    """Static files: immutable under `?v=` of their content, checked by ETag without it."""

    @override
    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file, with the caching that its address allows."""
        path = Path(full_path)
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("v", [""])[0]
        plain = super().file_response(full_path, stat_result, scope, status_code)
        plain.headers["Cache-Control"] = FOREVER if asked == version_of(path) else CHECKED
        wanted = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        small = stat_result.st_size < PACKED_LEAST_BYTES or path.suffix not in PACKED
        if small or not wanted or not isinstance(plain, FileResponse):
            return plain
        return _compressed(plain, _packed(path, stat_result.st_mtime_ns))


def _compressed(plain: FileResponse, body: bytes) -> Response:
    """The same file as `body`, made once: the middleware would compress it at every visit."""
    kept = {name: plain.headers[name] for name in ("Cache-Control", "Last-Modified")}
    headers = kept | {
        "Content-Encoding": "gzip",
        "ETag": f"W/{plain.headers['ETag']}",
        "Vary": "Accept-Encoding",
    }
    return Response(body, headers=headers, media_type=plain.media_type)
