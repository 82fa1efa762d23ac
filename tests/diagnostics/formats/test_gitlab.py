from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from corvus.diagnostics.codes import Severity
from corvus.diagnostics.formats import written
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Input, Outcome

Check = Callable[..., Outcome]


def findings(outcome: Outcome) -> Any:
    return json.loads(written("gitlab", outcome))


def test_a_finding_has_the_required_fields(check: Check) -> None:
    (finding,) = findings(check("[cost]\ndayly_limit_usd = 5\n", folder="/repo/teams"))
    assert len(finding.pop("fingerprint")) == 32
    assert finding == {
        "description": "unknown key `cost.dayly_limit_usd`. Did you mean `daily_limit_usd`?",
        "check_name": "unknown-key",
        "severity": "major",
        "location": {"path": "teams/corvus.toml", "lines": {"begin": 2, "end": 2}},
    }


def test_a_finding_without_a_place_is_put_on_the_first_line() -> None:
    one = Diagnostic("file-missing", Severity.ERROR, "gone", "a.toml", None)
    (finding,) = findings(Outcome((Input("a.toml", diagnostics=(one,)),)))
    assert finding["location"]["lines"] == {"begin": 1}


def test_a_finding_over_several_lines_has_its_last_one(check: Check) -> None:
    (finding,) = findings(check("[cost]\nenabled = [\n  1,\n]\n"))
    assert finding["location"]["lines"] == {"begin": 2, "end": 4}


def test_severities_are_those_of_gitlab() -> None:
    found = tuple(Diagnostic("unknown-key", one, "m", "a.toml", None) for one in Severity)
    outcome = Outcome((Input("a.toml", "", diagnostics=found),))
    assert [one["severity"] for one in findings(outcome)] == ["major", "minor", "info"]


def test_a_clean_run_is_an_empty_array(check: Check) -> None:
    assert findings(check("")) == []
