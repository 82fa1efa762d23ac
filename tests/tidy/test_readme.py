"""Every command of the README runs, and prints what the README says it prints.

The first two, which set up an environment, are run by ``.ci/run`` in a fresh clone.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
FINDINGS = {
    "corvus check corvus-demo/broken.toml",
    "corvus check --diff --unsafe-fixes corvus-demo/broken.toml",
}
"""Commands that show findings or what would mend them: exit code 1, else there is a mistake."""


class Result(NamedTuple):
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "COLUMNS": "80",
        "TMPDIR": os.environ["TMPDIR"],
    }
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def run_here(command: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> Result:
    """Run a line of the README; in this process if it is one plain command of ours.

    What starts a command of its own is left to a shell, as is one with variables.
    """
    words = shlex.split(command)
    if words[0] != "corvus" or "--" in words:
        result = run(command, folder)
        return Result(result.returncode, result.stdout, result.stderr)
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(folder)
        environment.setenv("HOME", str(folder))
        environment.setenv("COLUMNS", "80")
        capfd.readouterr()
        code = main(words[1:])
    printed = capfd.readouterr()
    return Result(code, printed.out, printed.err)


def test_the_first_two_commands_set_up_and_run_the_demo_and_the_tests() -> None:
    kinds = [kind for kind, _ in BLOCKS[:2]]
    assert kinds == ["sh", "sh"]
    assert BLOCKS[0][1].rstrip().endswith("corvus demo")
    assert BLOCKS[1][1].rstrip().endswith("pytest --quiet")
    assert all(".venv/bin/pip install" in text for _, text in BLOCKS[:2])
    assert "readme 1" in (ROOT / ".ci" / "run").read_text()
    assert "readme 2" in (ROOT / ".ci" / "run").read_text()


def test_every_other_command_runs_and_prints_what_is_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("corvus demo", tmp_path).returncode == Exit.CLEAN
    for name in ("policy", "config", "store", "model"):  # a reader may have such modules
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a module of the user')\n")
    printed = ""
    commands = examples = 0
    for kind, text in BLOCKS[2:]:
        if kind == "text":
            assert text.strip() in printed
            printed = ""
        elif kind == "sh":
            for command in text.strip().splitlines():
                result = run_here(command, tmp_path, capfd)
                expected = Exit.FINDINGS if command in FINDINGS else Exit.CLEAN
                assert result.returncode == expected, (command, result)
                printed += result.stdout
                commands += 1
        elif kind == "console":
            assert (
                "corvus gateway" in text or "summarize.py" in text
            )  # tests/gateway/pages walks it
        elif kind == "toml":
            (tmp_path / "shown.toml").write_text(text)
            assert run("corvus check shown.toml", tmp_path).returncode == Exit.CLEAN
        else:
            assert kind == "python"
            result = run(f"python -W error - <<'END'\n{text}\nEND", tmp_path)
            assert result.returncode == 0, result.stderr
            printed += result.stdout
            examples += 1
    assert commands > 8
    assert examples == 6


def test_the_table_of_exit_codes_names_exactly_those_that_a_command_can_end_with() -> None:
    """A reserved code that no line of the program uses yet is not promised."""
    source = "\n".join(path.read_text() for path in (ROOT / "policy" / "corvus").rglob("*.py"))
    used = {Exit[name].value for name in re.findall(r"\bExit\.([A-Z_]+)\b", source)}
    stopped = {128 + one for one in (signal.SIGINT, signal.SIGPIPE, signal.SIGTERM)}
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE)]
    assert codes == sorted(used | stopped)


NAMED = dict.fromkeys(re.findall(r"`(corvus [a-z]+(?: [a-z]+)?)`", README))


@pytest.mark.parametrize("name", NAMED)
def test_every_command_the_text_names_exists(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    result = run_here(f"{name} --help", ROOT, capfd)
    assert result.returncode == Exit.CLEAN, result.stderr
