"""Helm itself renders the chart of the kit; what it renders is run as far as it can be here."""

from __future__ import annotations

import importlib
import json
import os
import shlex
import subprocess
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest

from corvus.version import __version__
from tests.deploy.kit import (
    KIT,
    PROGRAM,
    config_in,
    corvus,
    environment,
    in_force,
    program,
    serving,
    token,
)

yaml: Any = pytest.importorskip(
    "yaml", reason="pyyaml is not installed; the dev dependencies have it"
)

CHART = KIT / "helm" / "corvus"
SHARED = {
    "replicas": 3,
    "store": {"url": "postgresql://corvus@db.example/corvus", "passwordSecret": "corvus-store"},
    "ingress": {"className": "nginx", "annotations": {"a": "b"}},
    "podAnnotations": {"c": "d"},
    "nodeSelector": {"e": "f"},
    "tolerations": [{"key": "g"}],
    "persistence": {"storageClass": "fast"},
}


def rendered(values: dict[str, Any], folder: Path) -> tuple[dict[str, dict[str, Any]], str]:
    """Render the chart: its objects by kind, and what went wrong."""
    if helm := program("helm"):
        file = folder / "values.json"
        file.write_text(json.dumps(values))
        command = [
            helm,
            "template",
            "team",
            str(CHART),
            "--namespace",
            "llm",
            "--values",
            str(file),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        texts, fault = [done.stdout], done.stderr if done.returncode else ""
    else:
        try:
            library: Any = importlib.import_module("helm_python")
        except ModuleNotFoundError:
            pytest.skip("neither helm nor its library is installed (pip install helm-python-sdk)")
        try:
            with library.Chart.load(str(CHART)) as chart:
                chart.validate_schema(values)
                made = chart.render(values, name="team", namespace="llm")
        except library.HelmError as error:
            return {}, str(error)
        texts, fault = [text for name, text in made.items() if name.endswith(".yaml")], ""
    objects = [one for text in texts for one in yaml.safe_load_all(text) if one]
    assert len({one["kind"] for one in objects}) == len(objects)
    return {one["kind"]: one for one in objects}, fault


def pod_of(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return objects["StatefulSet"]["spec"]["template"]["spec"]


def container(objects: dict[str, dict[str, Any]]) -> dict[str, Any]:
    (found,) = pod_of(objects)["containers"]
    return found


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__


@pytest.mark.parametrize("values", [{}, SHARED, {"ingress": {"enabled": False}, "keysSecret": ""}])
def test_every_object_belongs_together(values: dict[str, Any], tmp_path: Path) -> None:
    objects, fault = rendered(values, tmp_path)
    assert fault == ""
    kinds = {"ConfigMap", "Service", "StatefulSet"}
    if values.get("ingress", {}).get("enabled", True):
        kinds.add("Ingress")
    if values is SHARED:
        kinds.add("PodDisruptionBudget")
    assert objects.keys() == kinds
    assert {one["metadata"]["name"] for one in objects.values()} == {"team"}
    stateful = objects["StatefulSet"]["spec"]
    labels = stateful["template"]["metadata"]["labels"]
    for selector in (stateful["selector"]["matchLabels"], objects["Service"]["spec"]["selector"]):
        assert selector.items() <= labels.items()
    assert stateful["serviceName"] == objects["Service"]["metadata"]["name"]
    pod = pod_of(objects)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    mounted = {mount["name"] for mount in container(objects)["volumeMounts"]}
    claimed = {claim["metadata"]["name"] for claim in stateful["volumeClaimTemplates"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]} | claimed
    for one in (*pod["initContainers"], *pod["containers"]):
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert bool(container(objects).get("envFrom")) is (values.get("keysSecret") != "")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"replicas": 2}, "replicas > 1 needs store.url"),
        ({"replica": 2}, "replica"),
        ({"store": {"url": "mysql://x"}}, "url"),
        ({"config": ""}, "config"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(
    values: dict[str, Any], words: str, tmp_path: Path
) -> None:
    _, fault = rendered(values, tmp_path)
    assert words in fault


def test_the_config_and_the_variables_of_a_pod_are_in_force(tmp_path: Path) -> None:
    objects, _ = rendered(SHARED, tmp_path)
    config = tmp_path / "corvus.toml"
    config.write_text(objects["ConfigMap"]["data"]["corvus.toml"])
    corvus("check", str(config))
    variables = {one["name"]: one.get("value", "") for one in container(objects)["env"]}
    assert variables.pop("PGPASSWORD") == ""
    ledger = variables.pop("CORVUS_GOVERNANCE__LEDGER__PATH")
    assert ledger == "/var/lib/corvus/ledger.duckdb"
    assert in_force(config, variables) == {
        "url": "postgresql://corvus@db.example/corvus",
        "host": "0.0.0.0",
        "allowed_hosts": ["llm.example.org"],
        "allowed_origins": ["https://llm.example.org"],
    }


def test_a_pod_waits_for_the_first_token_and_its_probes_are_answered(tmp_path: Path) -> None:
    objects, _ = rendered({}, tmp_path)
    config = config_in(tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "corvus").write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
    (programs / "corvus").chmod(0o755)
    (waiting,) = pod_of(objects)["initContainers"]
    words = [word.replace("/etc/corvus/corvus.toml", str(config)) for word in waiting["command"]]
    path = f"{programs}:{os.environ['PATH']}"
    with subprocess.Popen(words, env=environment(PATH=path)) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(4)
        token(config, "ops", "admin")
        assert process.wait() == 0
        timer.cancel()
    args = container(objects)["args"]
    assert args == ["gateway", "--config", "/etc/corvus/corvus.toml"]
    with serving(config, "--host", "0.0.0.0") as port:
        for name in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = container(objects)[name]["httpGet"]
            headers = {one["name"]: one["value"] for one in probe["httpHeaders"]}
            url = f"http://127.0.0.1:{port}{probe['path']}"
            assert httpx2.get(url, headers=headers, trust_env=False).status_code == 200
            own = {"host": "10.1.2.3:8642"}
            assert httpx2.get(url, headers=own, trust_env=False).status_code == 421, (
                "without the header, a probe of the pod's own address would be refused"
            )
