"""The workflows of this project: least rights, pinned actions, the steps of ``.ci/run`` alone."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

yaml: Any = pytest.importorskip(
    "yaml", reason="pyyaml is not installed; the dev dependencies have it"
)

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
STEPS = re.compile(r"bash \.ci/run(?P<names>(?: [a-z]+)*)")
workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return read(path)["jobs"]


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(path).values() for step in job["steps"]]


def test_there_are_workflows_for_each_change_and_for_each_night() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "nightly.yml"]


@workflow
def test_a_job_has_no_right_but_to_read_and_a_limit_of_time(path: Path) -> None:
    assert read(path)["permissions"] == {}
    for job in jobs(path).values():
        assert job["permissions"] == {"contents": "read"}
        assert job["timeout-minutes"] <= 180


@workflow
def test_an_action_is_pinned_to_a_commit_and_names_its_version(path: Path) -> None:
    uses = [line for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert uses
    assert [line for line in uses if PINNED.search(line) is None] == []


@workflow
def test_a_checkout_leaves_no_credentials_behind(path: Path) -> None:
    checkouts = [
        step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert len(checkouts) == len(jobs(path))
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@workflow
def test_a_job_runs_steps_of_the_one_list_and_nothing_else(path: Path) -> None:
    for step in steps(path):
        if "run" in step:
            found = STEPS.fullmatch(step["run"])
            assert found is not None, step
            listed = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
            assert all(f"run_{name}()" in listed for name in found["names"].split())


def test_every_python_that_the_classifiers_promise_runs_all_steps() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        classifiers = tomllib.load(file)["project"]["classifiers"]
    promised = re.findall(r"Python :: (3\.[0-9]+)\n", "\n".join(classifiers) + "\n")
    (everything,) = (
        job
        for job in jobs(ROOT / ".github" / "workflows" / "ci.yml").values()
        if {"run": "bash .ci/run"} in job["steps"]
    )
    assert everything["strategy"]["matrix"]["python"] == promised


def test_a_step_that_is_not_in_the_list_is_refused_before_any_runs() -> None:
    result = subprocess.run(
        ["bash", str(ROOT / ".ci" / "run"), "layers", "nosuch"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert "no step nosuch" in result.stderr
