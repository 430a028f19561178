from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "app").rglob("*.py"))


def test_no_module_is_longer_than_four_hundred_lines():
    long = {str(p): n for p in MODULES if (n := len(p.read_text().splitlines())) > 400}
    assert long == {}


def test_every_public_room_says_in_one_line_what_it_is():
    silent = [str(p) for p in MODULES if not p.read_text().lstrip().startswith('"""')]
    assert silent == []


def test_every_requirement_is_pinned_in_the_constraints():
    pinned = {
        re.split(r"[=<>;]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    wanted = {
        re.split(r"[=<>;\[]", line)[0].strip().lower() for line in project["dependencies"] + extras
    }
    assert wanted - pinned == set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("initscope-*.whl"))


def test_the_wheel_carries_templates_and_static_files(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        f"app/{path.relative_to(ROOT)}"
        for folder in ("templates", "static")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert wanted - names == set()


def test_an_installed_wheel_finds_its_templates(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from app.config import Settings; from app.main import create_app; import app, pathlib;"
        "assert pathlib.Path(app.__file__).is_relative_to(sys.argv[1]);"
        "create_app(Settings(data_dir=pathlib.Path(sys.argv[1]) / 'data'))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(tmp_path)], capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stderr
