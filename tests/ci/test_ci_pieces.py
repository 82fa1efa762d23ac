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


def test_policies_are_tested_only_when_asked(tmp_path: Path) -> None:
    one = step("Test policies")
    assert "inputs.policy-tests == 'true'" in one["if"]
    written = recorder(tmp_path)
    (tmp_path / "a b").mkdir()
    paths = ["a b", "corvus.toml", "$(touch owned).test.toml"]
    assert run(one, tmp_path, paths="\n".join(paths)).returncode == 0
    wanted = ["policy", "test", "--format", "github", "--coverage", "--"]
    assert arguments(written) == [*wanted, "a b", "$(touch owned).test.toml"]
    assert not (tmp_path / "owned").exists()


def test_the_real_test_takes_the_arguments_of_the_action() -> None:
    options = ["--format", "github", "--coverage", "--", "examples/policy-tests"]
    outcome = corvus("policy", "test", *options)
    assert outcome.returncode == Exit.CLEAN, outcome.stderr
    assert outcome.stdout.startswith("6 passed in ")


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
    used = {one["id"] for one in repository["hooks"]}
    proposed = {*re.findall(r"^ *# - id: (\S+)$", PRE_COMMIT.read_text(), re.MULTILINE)}
    assert used | proposed == {one["id"] for one in read(HOOKS)}
    assert not used & proposed


HOOK_RUNS = {
    ("corvus-check", BROKEN): Exit.FINDINGS,
    ("corvus-check", CLEAN): Exit.CLEAN,
    ("corvus-check", LEGACY): Exit.CLEAN,
    ("corvus-check-host", BROKEN): Exit.FINDINGS,
    ("corvus-check-host", CLEAN): Exit.CLEAN,
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


OWN_NAMES = ["corvus.toml", "teams/a b/corvus.toml"]
HOST_NAMES = [
    ".corvus/config.toml",
    ".zeroclaw/config.toml",
    "corvus/config.toml",
    "home/.config/corvus/config.toml",
    "agents/zeroclaw/config.toml",
]
OTHER_NAMES = [
    "my-corvus.toml",
    "corvus.toml.bak",
    "x.toml",
    "config.toml",
    "hugo/config.toml",
    "notcorvus/config.toml",
    ".corvus/config.toml.bak",
    ".corvus/other.toml",
]
PICKED = {
    "corvus-check": [*OWN_NAMES, *HOST_NAMES],
    "corvus-check-host": HOST_NAMES,
    "corvus-migrate-check": [*OWN_NAMES, *HOST_NAMES],
}


@pytest.mark.parametrize("hook", read(HOOKS), ids=lambda hook: hook["id"])
def test_a_hook_picks_the_configs_and_nothing_else(hook: dict[str, Any]) -> None:
    names = [*OWN_NAMES, *HOST_NAMES, *OTHER_NAMES]
    assert [name for name in names if re.search(hook["files"], name)] == PICKED[hook["id"]]
    assert hook["types"] == ["toml"]
    assert hook["language"] == "python"


def test_the_hook_whose_files_another_takes_says_that_it_stands_in_its_place() -> None:
    """A repository with both would check each config of a runtime twice."""
    hooks = {hook["id"]: hook for hook in read(HOOKS)}
    assert {*PICKED["corvus-check-host"]} < {*PICKED["corvus-check"]}
    assert hooks["corvus-check-host"]["description"].startswith("Instead of corvus-check,")
    assert "corvus-check-host is not needed" in hooks["corvus-check"]["description"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository with a config under every name, each in order, and prek's config."""
    for name in (*OWN_NAMES, *HOST_NAMES, *OTHER_NAMES, "vendor/corvus.toml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        required = "default_temperature = 0.7\n" if ".corvus/" in name else ""
        path.write_text(f"{required}[cost]\nenabled = true\n")
    # The environment of a hook is this one: there may be no network to make another.
    hooks = [{**hook, "language": "system"} for hook in read(HOOKS)]
    (tmp_path / ".pre-commit-config.yaml").write_text(
        yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]})
    )
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    return tmp_path


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True)


def prek(folder: Path, hook: str) -> subprocess.CompletedProcess[str]:
    programs = Path(sys.executable).parent
    program = shutil.which("prek", path=f"{programs}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("prek is not installed here; the dev dependencies have it")
    return subprocess.run(
        [program, "run", "--all-files", "--verbose", hook],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PREK_HOME": str(folder / ".git" / "prek"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("hook", PICKED)
def test_prek_runs_a_hook_over_every_name_that_the_tool_knows(hook: str, repository: Path) -> None:
    passed = prek(repository, hook)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "Passed" in passed.stdout
    assert f"in {len(PICKED[hook])} files" in passed.stdout


def test_prek_fails_at_a_mistake_in_the_config_of_a_runtime(repository: Path) -> None:
    """What nobody checked while the hook matched ``corvus.toml`` alone."""
    (repository / ".zeroclaw" / "config.toml").write_text("[cost]\ndaly_limit_usd = 5\n")
    for hook in ("corvus-check", "corvus-check-host"):
        failed = prek(repository, hook)
        assert failed.returncode == 1
        assert "unknown-key" in failed.stdout
        assert ".zeroclaw/config.toml:2:1" in failed.stdout


def test_prek_leaves_out_what_the_settings_exclude(repository: Path) -> None:
    """The hook names files, so that only ``--force-exclude`` keeps it from the excluded ones."""
    (repository / "vendor" / "corvus.toml").write_text("[costs]\n")
    passed = prek(repository, "corvus-check")
    assert passed.returncode == 0, passed.stdout
    assert "1 file excluded" in passed.stdout
    old = "[autonomy]\nmax_cost_per_day_cents = 5\n"
    (repository / "vendor" / "corvus.toml").write_text(old)
    passed = prek(repository, "corvus-migrate-check")
    assert passed.returncode == 0, passed.stdout
    assert "1 excluded" in passed.stdout
