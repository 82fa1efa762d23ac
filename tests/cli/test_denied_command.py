"""A command that a budget stops ends with 20, and one line that a program can read (CLI-5)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from corvus.cli import main as module
from corvus.cli.exits import Exit
from tests.cli.places import Place

SCHEMA = Path(__file__).parents[2] / "schemas" / "budget-exceeded.schema.json"
PROGRAM = """
import sys
from corvus import open_runtime
from corvus.cli import main as module

def run(argv):
    with open_runtime([argv[0]], ledger=argv[1]).governor() as governor:
        with governor.call("m", estimate_usd=3, session_id="a\\x1b[31m"):
            raise AssertionError("it was admitted")

module._run = run
sys.exit(module.main(sys.argv[1:]))
"""


def test_a_refused_call_ends_a_command_with_one_line_that_fits_its_schema(
    real_place: Place,
) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(real_place.config), str(real_place.ledger)],
        env=real_place.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (Exit.DENIED_SPEND, "")
    (line,) = result.stderr.splitlines()
    assert "\x1b" not in line
    told = json.loads(line)
    validator: Any = Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert [*validator.iter_errors(told)] == []
    assert (told["code"], told["governance_domain"], told["scope"]) == (
        "budget_exceeded", "token_spend", "session"
    )  # fmt: skip
    assert (told["estimate_nano_usd"], told["limit_nano_usd"]) == ("3000000000", "2000000000")


def test_other_errors_stay_one_sentence_for_a_person(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.spend(1)
    assert module.main(["cost", "reset", "--scope", "x", "--yes", *place.where]) == Exit.USAGE
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error[steering-refused]: the policy has no budget")
