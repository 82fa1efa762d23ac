"""What people see in an editor whose engine is taplo (Even Better TOML) or tombi (SCH-2, SCH-3).

Both run over files with one mistake each, against the schema on disk; proxies that lead nowhere
make sure that no network is asked. Taplo tells a mistake of a table once for every node below it
(tamasfe/taplo#515), whatever the schema says, so that messages are counted by their text.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from corvus.config.check.check import check_paths
from corvus.config.model.dialects import Dialect, detect
from corvus.diagnostics.codes import Severity

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("**/*.toml"))
VALID = sorted((ROOT / "tests" / "golden" / "valid").glob("*.toml"))
BROKEN = ROOT / "examples" / "first-light" / "broken.toml"
ENGINES = ("taplo", "tombi")
NOWHERE = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https", "all")}


class Told(NamedTuple):
    """One message of an editor."""

    text: str
    line: int
    level: str = "error"


class Mistake(NamedTuple):
    """A file with one mistake, whose first two lines are the directive and an empty one.

    Attributes:
        line: Where editors show it.
        word: What they say of it, as a regular expression.
        own_line: Where ``corvus check`` shows it, if it knows better.
        told_by_tombi: How often tombi says it, in other words each time.
    """

    text: str
    line: int
    word: str
    own_line: int | None = None
    told_by_tombi: int = 1


MISTAKES = {
    "unknown-key": Mistake("[cost]\nenabled = true\ndaly_limit_usd = 5\n", 5, "daly_limit_usd"),
    "unknown-table": Mistake("[costs]\nenabled = true\n", 3, "costs"),
    "unknown-attribute": Mistake(
        '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\nmatch = { modell = "x" }\n',
        7,
        "modell",
    ),
    "unknown-rung": Mistake('[cost]\non_exceeded = ["cup"]\n', 4, "cup"),
    "no-window": Mistake('[[cost.budgets]]\nname = "a"\nlimit_usd = 1\nwindow = "5x"\n', 6, "5x"),
    "two-units": Mistake(
        '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\nlimit_calls = 1\n',
        3,
        "not",
        7,
    ),
    "limits-without-per": Mistake(
        '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\nlimits = { ana = 1 }\n',
        3,
        "per",
        7,
    ),
    "limit-of-a-value-with-a-point": Mistake(
        '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_calls = 1\nper = ["user"]\n'
        "limits = { ana = 1.5 }\n",
        8,
        "integer",
    ),
    "missing-period": Mistake('[[cost.budgets]]\nname = "a"\nlimit_calls = 1\n', 3, "period"),
    "wrong-type": Mistake('[cost]\nwarn_at_percent = "80"\n', 4, "integer"),
    "wrong-type-of-an-amount": Mistake('[cost]\ndaily_limit_usd = "5"\n', 4, '"5"|String', None, 2),
    "wrong-type-of-an-optional-key": Mistake(
        '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\nwarn_at_percent = "x"\n',
        7,
        "integer",
    ),
    "wrong-type-of-an-item": Mistake('[autonomy]\nauto_approve = ["a", 1]\n', 4, "string"),
    "value-for-a-table": Mistake("cost = 5\n", 3, "object|table"),
    "table-for-a-value": Mistake("[cost.enabled]\nx = 1\n", 3, "boolean"),
    "out-of-range": Mistake("[cost]\nwarn_at_percent = 180\n", 4, "100"),
    "out-of-range-below": Mistake("[cost]\ndaily_limit_usd = -0.5\n", 4, "-0.5"),
    "bad-enum": Mistake('[autonomy]\nlevel = "ful"\n', 4, "supervised"),
    "bad-pattern": Mistake(
        '[[cost.budgets]]\nname = "Team A"\nperiod = "day"\nlimit_usd = 1\n', 4, "Team A"
    ),
    "bad-date": Mistake(
        '[cost.prices.m]\ninput = 1\noutput = 2\neffective_from = "soon"\n', 6, "date"
    ),
    "missing-key": Mistake('[[cost.budgets]]\nname = "a"\nperiod = "day"\n', 3, "limit_usd"),
    "missing-price": Mistake("[cost.prices.m]\ninput = 1\n", 3, "output"),
    "nested-price": Mistake(
        "[cost.prices.anthropic.claude-x]\ninput = 1\noutput = 2\n", 3, "claude-x"
    ),
}


def engine(name: str) -> str:
    folders = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = shutil.which(name, path=folders)
    if found is None:
        pytest.skip(f"{name} is not installed here; the dev dependencies have it")
    return found


def told(name: str, path: Path) -> list[Told]:
    """Run an engine over a file; return what it tells. Its exit code must agree."""
    report = path.with_suffix(".report")
    taplo = ["lint", "--no-auto-config", "--colors", "never"]
    tombi = ["lint", "--offline", "--no-cache", "--diagnostics-format", "json"]
    options = taplo if name == "taplo" else [*tombi, "--diagnostics-file", str(report)]
    run = subprocess.run(
        [engine(name), *options, str(path)],
        cwd=path.parent,
        env={**os.environ, **NOWHERE, **{key.upper(): at for key, at in NOWHERE.items()}},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    found = _of_taplo(run.stderr) if name == "taplo" else _of_tombi(report.read_text() or "[]")
    failed = any(one.level == "error" for one in found)
    assert run.returncode == int(failed), run.stdout + run.stderr
    return found


def _of_taplo(output: str) -> list[Told]:
    pairs = re.findall(r"^error: (.*)\n\s*┌─ .*:(\d+):\d+$", output, flags=re.MULTILINE)
    return [Told(text, int(line)) for text, line in pairs]


def _of_tombi(output: str) -> list[Told]:
    return [
        Told(one["message"], one["range"]["start"]["line"], one["level"])
        for one in json.loads(output)
    ]


def written(folder: Path, text: str, dialect: Dialect = Dialect.NATIVE) -> Path:
    """Write a document whose directive names the schema on disk."""
    schema = (ROOT / "schemas" / f"config.{dialect}.schema.json").as_uri()
    path = folder / "corvus.toml"
    path.write_text(f"#:schema {schema}\n\n{text}", encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("slug", MISTAKES)
def test_one_mistake_gives_one_message_at_its_line(slug: str, name: str, tmp_path: Path) -> None:
    """Tombi names each type of an amount; without the two of them it shows nothing at integers."""
    mistake = MISTAKES[slug]
    found = told(name, written(tmp_path, mistake.text))
    assert len({one.text for one in found}) == (mistake.told_by_tombi if name == "tombi" else 1)
    assert mistake.line in {one.line for one in found}
    assert re.search(mistake.word, found[0].text, flags=re.IGNORECASE)


@pytest.mark.parametrize("slug", MISTAKES)
def test_corvus_tells_the_same_mistake_at_the_same_line(slug: str, tmp_path: Path) -> None:
    (found,) = check_paths([str(written(tmp_path, MISTAKES[slug].text))]).diagnostics
    assert found.severity is Severity.ERROR
    assert found.span is not None
    assert found.span.start.line == (MISTAKES[slug].own_line or MISTAKES[slug].line)


def test_a_deprecated_key_is_shown_by_tombi_alone(tmp_path: Path) -> None:
    """DEP-6. Taplo shows ``deprecated`` where a key is completed, and never when it lints."""
    path = written(tmp_path, "[autonomy]\nmax_cost_per_day_cents = 500\n")
    assert [(one.level, one.line) for one in told("tombi", path)] == [("warning", 4)]
    assert told("taplo", path) == []


def test_what_is_not_a_number_breaks_both_bounds_in_tombi(tmp_path: Path) -> None:
    """Two messages: each bound is a keyword of its own, and none of them can be spared."""
    path = written(tmp_path, "[cost]\ndaily_limit_usd = nan\n")
    assert [one.line for one in told("taplo", path)] == [4]
    assert [one.line for one in told("tombi", path)] == [4, 4]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_what_the_model_accepts_an_editor_accepts(path: Path, name: str, tmp_path: Path) -> None:
    text = path.read_bytes().decode("utf-8-sig")
    found = told(name, written(tmp_path, text, detect(tomllib.loads(text)).dialect))
    assert [one for one in found if "is deprecated" not in one.text] == []


def _of_folder(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", EXAMPLES, ids=_of_folder)
def test_the_first_line_of_an_example_names_a_schema_that_is_there(path: Path) -> None:
    """SCH-2: relative to the example, so that it resolves in a checkout without a network."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    named = re.fullmatch(r"#:schema (\S+)", first)
    assert named, first
    assert (path.parent / named[1]).resolve().parent == ROOT / "schemas"
    assert (path.parent / named[1]).is_file()


@pytest.mark.parametrize("path", EXAMPLES, ids=_of_folder)
def test_corvus_check_accepts_every_example_but_the_broken_one(path: Path) -> None:
    diagnostics = check_paths([str(path)]).diagnostics
    errors = [one for one in diagnostics if one.severity is Severity.ERROR]
    assert bool(errors) is (path == BROKEN)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("path", EXAMPLES, ids=_of_folder)
def test_an_editor_finds_the_schema_of_an_example(path: Path, name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    folder = tmp_path / path.parent.relative_to(ROOT)
    folder.mkdir(parents=True)
    found = told(name, Path(shutil.copy(path, folder)))
    errors = {one.text for one in found if one.level == "error"}
    assert len(errors) == (3 if path == BROKEN else 0)
