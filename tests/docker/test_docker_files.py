"""What compose.yaml and the Dockerfile promise, without an engine: `make docker-test` has one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
STAYING = sorted(SERVICES.keys() - {"secrets"})  # which only draws the password, and ends
OWN = ("web", "worker", "gpu-worker")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_has_a_read_only_root_no_capability_and_no_new_privileges(name):
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "cap_add" not in service
    assert "privileged" not in service


@pytest.mark.parametrize("name", STAYING)
def test_a_service_has_limits_and_is_started_again(name):
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["init"]  # SIGTERM reaches the process, and no dead child stays
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_only_this_machine_reaches_a_port(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", OWN)
def test_no_setting_of_a_person_moves_what_the_containers_agree_on(name):
    inside = SERVICES[name]["environment"]
    fixed = {"DATA_DIR", "HOST", "PORT", "WORKERS", "DATABASE_URL", "DATABASE_PASSWORD_FILE"}
    assert {f"INITSCOPE_{field}" for field in fixed} <= inside.keys()
    assert not any("${" in inside[f"INITSCOPE_{field}"] for field in fixed)


def test_the_images_have_an_ordinary_user():
    for target in ("web", "worker"):
        stage = re.split(rf"^FROM \S+ AS {target}$", DOCKERFILE, flags=re.MULTILINE)[1]
        assert re.findall(r"^USER (\d+)$", stage.partition("\nFROM ")[0], re.MULTILINE) == ["10001"]


def test_the_images_are_built_from_the_lock_and_name_no_registry_or_index():
    assert "PIP_CONSTRAINT=/src/constraints.txt" in DOCKERFILE
    sources = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert not [source for source in sources if "/" in source]
    assert re.findall(r"\w+://[^/\s'\"]+", DOCKERFILE) == [
        "http://0.0.0.0:8000"
    ]  # the health check
