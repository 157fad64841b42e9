"""The image, compose.yaml and the Kubernetes manifest fit the service and each other."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from inference.__main__ import app
from inference.service import probe
from inference.service.access import VARIABLE
from inference.service.metrics import PATHS

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
LOCK = (ROOT / "requirements-service.txt").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
[SERVICE] = COMPOSE["services"].values()
OBJECTS = list(yaml.safe_load_all((ROOT / "docs/kubernetes.yaml").read_text(encoding="utf-8")))
[CONTAINER] = OBJECTS[0]["spec"]["template"]["spec"]["containers"]


def written(instruction: str) -> list[str]:
    return re.findall(rf"(?m)^{instruction} (.+)$", DOCKERFILE)


def environment() -> dict[str, str]:
    pairs = [pair for line in written("ENV") for pair in shlex.split(line)]
    return dict(pair.split("=", 1) for pair in pairs)


def pins(text: str) -> dict[str, str]:
    found = re.findall(r"(?m)^([\w.-]+)==([^\s\\;]+)", text)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_the_images_packages_are_those_of_the_constraints_with_hashes() -> None:
    constraints = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    locked = pins(LOCK)
    assert locked.items() <= constraints.items(), "make requirements"
    for name in ("fastapi", "onnxruntime", "gradio", "prometheus-client", "fastapi-offline"):
        assert name in locked
    assert not {"tensorflow", "keras", "onnx", "ray"} & set(locked)
    requirements = re.split(r"(?m)^(?=[\w.-]+==)", LOCK)[1:]
    assert all("--hash=sha256:" in one for one in requirements)


def test_the_requirements_are_of_what_the_project_asks_for() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["service"], *extras["heif"]]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[><=\[;]", one)[0]).lower() for one in wanted}
    assert names <= set(pins(LOCK)), "make requirements"


def test_the_image_serves_as_nobody_and_is_watched() -> None:
    user, *_ = written("USER")
    assert user.partition(":")[0] not in ("root", "0")
    assert "--require-hashes" in written("RUN")[0]
    [command] = map(json.loads, written("CMD"))
    assert command[:3] == ["python", "-m", "inference"]
    assert CliRunner().invoke(app, [*command[3:], "--help"]).exit_code == 0
    [check] = written("HEALTHCHECK")
    assert json.loads(check.partition("CMD ")[2]) == ["python", "-m", probe.__name__]
    assert written("EXPOSE") == [environment()["PORT"]]


def test_compose_locks_the_container_down() -> None:
    assert SERVICE["read_only"] and SERVICE["cap_drop"] == ["ALL"] and "/tmp" in SERVICE["tmpfs"]
    assert "no-new-privileges:true" in SERVICE["security_opt"]
    [port] = SERVICE["ports"]
    assert port.startswith("127.0.0.1:") and port.endswith(f":{environment()['PORT']}")
    [volume] = SERVICE["volumes"]
    assert volume.endswith(f":{environment()['MODELS']}:ro")
    assert VARIABLE in SERVICE["environment"]


def test_the_manifest_probes_what_is_there_and_locks_the_pod_down() -> None:
    kinds = [one["kind"] for one in OBJECTS]
    assert kinds == ["Deployment", "PersistentVolumeClaim", "Service"]
    probes: dict[str, Any] = {name: CONTAINER[f"{name}Probe"] for name in
                              ("startup", "readiness", "liveness")}  # fmt: skip
    assert {one["httpGet"]["path"] for one in probes.values()} <= set(PATHS)
    pod, own = OBJECTS[0]["spec"]["template"]["spec"], CONTAINER["securityContext"]
    assert own["readOnlyRootFilesystem"] and not own["allowPrivilegeEscalation"]
    assert own["capabilities"]["drop"] == ["ALL"] and pod["securityContext"]["runAsNonRoot"]
    assert CONTAINER["ports"][0]["containerPort"] == int(environment()["PORT"])
    mounts = {one["mountPath"]: one for one in CONTAINER["volumeMounts"]}
    assert mounts[environment()["MODELS"]]["readOnly"] and "/tmp" in mounts
    assert {one["name"] for one in pod["volumes"]} == {one["name"] for one in mounts.values()}
    assert VARIABLE in [one["name"] for one in CONTAINER["env"]]
    assert CONTAINER["resources"]["limits"]["memory"]


@pytest.mark.parametrize("command", [CONTAINER["args"]])
def test_the_manifests_command_has_options_that_there_are(command: list[str]) -> None:
    assert command[:4] == ["python", "-m", "inference", "serve"]
    help_text = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200"}).stdout
    for option in command[4:]:
        assert not option.startswith("--") or option in help_text
