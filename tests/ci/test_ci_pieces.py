"""The ready-made pieces for pre-commit, GitHub and GitLab do what they say, and quote every input.

Their scripts run here as the runner would run them, against a ``corvus`` that writes down its
arguments; whether the real one takes these arguments is asked of it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from corvus.cli.exits import Exit

yaml: Any = pytest.importorskip(
    "yaml", reason="pyyaml is not installed; the dev dependencies have it"
)

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "corvus-check" / "action.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
GITLAB = ROOT / "examples" / "ci" / "gitlab-ci.yml"
WORKFLOW = ROOT / "examples" / "ci" / "github-workflow.yml"
PRE_COMMIT = ROOT / "examples" / "ci" / "pre-commit-config.yaml"
LEGACY = ROOT / "examples" / "first-light" / "legacy.toml"
BROKEN = ROOT / "examples" / "first-light" / "broken.toml"
CLEAN = ROOT / "examples" / "first-light" / "corvus.toml"
HOSTILE = ("a b.toml", "$(touch owned).toml", "'; touch owned; '.toml", "--help", "*.toml", "`id`")
BASH = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")  # what `shell: bash` stands for


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps() -> list[dict[str, Any]]:
    return read(ACTION)["runs"]["steps"]


def step(name: str) -> dict[str, Any]:
    (found,) = (one for one in steps() if one["name"] == name)
    return found


def environment(one: dict[str, Any], folder: Path, **inputs: str) -> dict[str, str]:
    """Return the variables of a step as the runner fills them from the inputs."""
    declared = {name: body["default"] for name, body in read(ACTION)["inputs"].items()}
    assert set(inputs) <= {name.replace("-", "_") for name in declared}
    values: dict[str, str] = {
        f"inputs.{name}": str(inputs.get(name.replace("-", "_"), default))
        for name, default in declared.items()
    }
    values["steps.install.outputs.bin"] = str(folder / "bin")
    values["github.action_path"] = str(ACTION.parent)
    expressions: dict[str, str] = {
        name: text.removeprefix("${{ ") for name, text in one["env"].items()
    }
    filled = {name: values[text.removesuffix(" }}")] for name, text in expressions.items()}
    return {**os.environ, **filled, "RUNNER_TEMP": str(folder)}


def recorder(folder: Path) -> Path:
    """Put a ``corvus`` into a folder that writes its arguments down; return where."""
    written = folder / "arguments"
    program = folder / "bin" / "corvus"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" >>{shlex.quote(str(written))}\n")
    program.chmod(0o755)
    return written


def run(one: dict[str, Any], folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    script = folder / "step.sh"
    script.write_text(one["run"], encoding="utf-8")
    return subprocess.run(
        [*BASH, str(script)],
        cwd=folder,
        env=environment(one, folder, **inputs),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def arguments(written: Path) -> list[str]:
    return written.read_text(encoding="utf-8").split("\0")[:-1]


def scripts() -> dict[str, str]:
    action = {one["name"]: one["run"] for one in steps()}
    return {**action, "gitlab": "\n".join(read(GITLAB)["corvus-check"]["script"])}


@pytest.mark.parametrize("name", scripts())
def test_no_expression_stands_in_the_text_of_a_script(name: str) -> None:
    """An input that GitHub pastes into a script is a way to run anything."""
    assert "${{" not in scripts()[name]


@pytest.mark.parametrize("name", scripts())
def test_a_script_is_clean_for_shellcheck(name: str) -> None:
    found = shutil.which("shellcheck")
    if found is None:
        pytest.skip("shellcheck is not installed here")
    outcome = subprocess.run(
        [found, "--shell=bash", "--enable=all", "--exclude=SC2154,SC2250,SC2312", "-"],
        input=scripts()[name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout


def test_the_check_gets_every_input_as_one_argument(tmp_path: Path) -> None:
    written = recorder(tmp_path)
    hostile = "\n".join(HOSTILE)
    inputs = {"paths": f"{hostile}\n\n", "dialect": "$(id)", "fail_on": "a b", "sarif": "o ut;"}
    outcome = run(step("Check"), tmp_path, **inputs)
    assert outcome.returncode == 0, outcome.stderr
    assert arguments(written) == [
        "check",
        "--format",
        "github",
        "--dialect=$(id)",
        "--fail-on=a b",
        "--report",
        "sarif=o ut;",
        "--",
        *HOSTILE,
    ]
    assert not (tmp_path / "owned").exists()


def test_without_inputs_the_whole_repository_is_checked(tmp_path: Path) -> None:
    written = recorder(tmp_path)
    assert run(step("Check"), tmp_path).returncode == 0
    plain = ["check", "--format", "github", "--dialect=auto", "--fail-on=error", "--", "."]
    assert arguments(written) == plain


def test_an_empty_list_of_paths_is_an_error_and_never_a_pass(tmp_path: Path) -> None:
    written = recorder(tmp_path)
    outcome = run(step("Check"), tmp_path, paths="\n")
    assert (outcome.returncode, written.exists()) == (Exit.USAGE, False)
    assert outcome.stdout == "::error::corvus check: the input paths is empty\n"


def test_deprecated_keys_are_looked_for_only_when_asked(tmp_path: Path) -> None:
    one = step("Look for deprecated keys")
    assert "inputs.migrate-check == 'true'" in one["if"]
    written = recorder(tmp_path)
    assert run(one, tmp_path, paths="\n".join(HOSTILE)).returncode == 0
    wanted = ["migrate", "--check", "--diff", "--dialect=auto", "--", *HOSTILE]
    assert arguments(written) == wanted


def test_the_install_step_takes_the_corvus_of_its_own_commit(tmp_path: Path) -> None:
    """The interpreter is a recorder too: no package is installed."""
    written = recorder(tmp_path)
    python = tmp_path / "bin" / "corvus"
    inner = tmp_path / "corvus" / "bin"
    inner.mkdir(parents=True)
    shutil.copy(python, inner / "python")
    one = {**step("Install corvus")}
    one["run"] = one["run"].replace("$GITHUB_OUTPUT", str(tmp_path / "output"))
    assert run(one, tmp_path, python=str(python)).returncode == 0
    *_, last = arguments(written)
    assert Path(last).resolve() == ROOT
    assert (tmp_path / "output").read_text() == f"bin={inner}\n"
    assert run(one, tmp_path, python=str(python), requirement="-x y").returncode == 0
    assert arguments(written)[-2:] == ["--", "-x y"]


def corvus(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "corvus", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("path", "code"), [(BROKEN, Exit.FINDINGS), (CLEAN, Exit.CLEAN)])
def test_the_real_check_takes_the_arguments_of_the_action(
    path: Path, code: Exit, tmp_path: Path
) -> None:
    report = tmp_path / "out.sarif"
    options = ["--format", "github", "--dialect=auto", "--fail-on=error"]
    outcome = corvus("check", *options, "--report", f"sarif={report}", "--", str(path))
    assert outcome.returncode == code, outcome.stderr
    assert report.read_text(encoding="utf-8")
    assert ("::error" in outcome.stdout) is (code == Exit.FINDINGS)


def test_the_real_check_takes_the_arguments_of_the_gitlab_job(tmp_path: Path) -> None:
    reports = [f"gitlab={tmp_path / 'quality'}", f"junit={tmp_path / 'junit'}"]
    options = [word for report in reports for word in ("--report", report)]
    assert corvus("check", *options, "--", str(BROKEN)).returncode == Exit.FINDINGS
    assert (tmp_path / "quality").read_text(encoding="utf-8")
    assert (tmp_path / "junit").read_text(encoding="utf-8")


def test_the_gitlab_job_keeps_the_reports_that_it_writes() -> None:
    job = read(GITLAB)["corvus-check"]
    named = dict(re.findall(r"--report (\w+)=(\S+)", "\n".join(job["script"])))
    kept = job["artifacts"]["reports"]
    assert {"gitlab": kept["codequality"], "junit": kept["junit"]} == named
    assert job["artifacts"]["when"] == "always"


def test_the_workflow_names_the_action_and_inputs_that_it_has() -> None:
    (used,) = (one for one in read(WORKFLOW)["jobs"]["check"]["steps"] if "corvus" in one["uses"])
    place = used["uses"].partition("@")[0].split("/", 2)[2]
    assert ROOT / place / "action.yml" == ACTION
    assert set(used["with"]) <= set(read(ACTION)["inputs"])


def test_the_pre_commit_example_names_hooks_that_there_are() -> None:
    (repository,) = read(PRE_COMMIT)["repos"]
    assert {one["id"] for one in repository["hooks"]} == {one["id"] for one in read(HOOKS)}


HOOK_RUNS = {
    ("corvus-check", BROKEN): Exit.FINDINGS,
    ("corvus-check", CLEAN): Exit.CLEAN,
    ("corvus-check", LEGACY): Exit.CLEAN,
    ("corvus-migrate-check", LEGACY): Exit.FINDINGS,
    ("corvus-migrate-check", CLEAN): Exit.CLEAN,
}


@pytest.mark.parametrize(("hook", "path"), HOOK_RUNS)
def test_a_hook_passes_or_fails_as_pre_commit_runs_it(hook: str, path: Path) -> None:
    """Entry, then its arguments, then the names of the files."""
    (found,) = (one for one in read(HOOKS) if one["id"] == hook)
    program, *words = shlex.split(found["entry"])
    assert program == "corvus"
    before = path.read_bytes()
    outcome = corvus(*words, *found["args"], str(path))
    assert outcome.returncode == HOOK_RUNS[hook, path], outcome.stdout
    assert path.read_bytes() == before


@pytest.mark.parametrize("hook", read(HOOKS), ids=lambda hook: hook["id"])
def test_a_hook_picks_the_configs_and_nothing_else(hook: dict[str, Any]) -> None:
    names = ["corvus.toml", "teams/a b/corvus.toml", "my-corvus.toml", "corvus.toml.bak", "x.toml"]
    assert [name for name in names if re.search(hook["files"], name)] == names[:2]
    assert hook["types"] == ["toml"]
    assert hook["language"] == "python"
