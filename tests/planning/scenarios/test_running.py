"""Cases are decided by the governor's own rules, in time that nobody waits for (PLN-2)."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from corvus.config.check.cases.case_reading import read_cases
from corvus.config.toml.document import read_document
from corvus.planning.scenarios.running import CaseResult, run_cases
from corvus.planning.scenarios.touched import Item, Touched
from corvus.prices.lookup import PriceBooks
from corvus.testing import fake_policy

HERE = Path(__file__).parent / "cases"
CONFIG = (HERE / "corvus.toml").read_text(encoding="utf-8")
BEHAVIOUR = (HERE / "behaviour.test.toml").read_text(encoding="utf-8")
OPUS = 'model = "claude-opus-4-5", input_tokens = 20000, max_output_tokens = 4000'
"""20 cents."""


def results(cases: str, config: str = CONFIG, wanted: str | None = None) -> list[CaseResult]:
    document, problems = read_document(cases.encode(), "a.test.toml")
    assert document is not None, problems
    read = read_cases(document)
    assert read.table is not None, [found.message for found in read.diagnostics]
    policy = fake_policy(config)
    return [*run_cases(read.table, policy, PriceBooks(policy.prices), wanted)]


def mismatches(cases: str, config: str = CONFIG) -> list[str]:
    return [each.message for result in results(cases, config) for each in result.mismatches]


NAMES = [case["name"] for case in tomllib.loads(BEHAVIOUR)["case"]]


@pytest.mark.parametrize("name", NAMES)
def test_what_the_governor_does_is_what_a_case_may_expect(name: str) -> None:
    [result] = results(BEHAVIOUR, wanted=name)
    assert result.mismatches == ()


def case(expect: str, call: str = f'{OPUS}, project = "search"', given: str = "") -> str:
    return (
        f'[[case]]\nname = "x"\ngiven = {{ spent = {{ search-day = 19.9 }}{given} }}\n'
        f"call = {{ {call} }}\nexpect = {{ {expect} }}\n"
    )


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ('decision = "allowed"', "the call was refused, not allowed"),
        ('decision = "waits"', "the call was refused and does not wait"),
        ('budget = "day"', 'budget is "search-day", not "day"'),
        ('reason = "mission_ended"', 'reason is "budget_exceeded", not "mission_ended"'),
        ('state = "warning"', 'state is "exceeded", not "warning"'),
        ('rungs = ["cap"]', 'rungs is [], not ["cap"]'),
        ('message = "*$21.00*"', "the refusal says something else"),
        ('part = "ada"', 'part is none, not "ada"'),
        ("waited_seconds = 3", "waited seconds is 0, not 3"),
        ("spent = { search-day = 20 }", "$19.90 is spent, not $20.00"),
        ("held = { search-day = 1.5 }", "$0.00 is held, not $1.50"),
        ("alerts = { search-day = [80] }", "other thresholds were reported"),
    ],
)
def test_each_expectation_may_fail(expect: str, said: str) -> None:
    assert mismatches(case(expect)) == [said]


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("{ at = 2026-11-24T00:00:00Z, expect = { alerts = {} } }", "the clock stands at"),
        ('{ close_session = "s" }, { close_session = "s", expect = { alerts = {} } }', "is closed"),
        ('{ end_mission = { mission = "m" }, expect = { alerts = {} } }', "has no mission"),
        (
            '{ call = { model = "x", project = "search", estimate_usd = 5 } },'
            " { settle = {}, expect = { alerts = {} } }",
            "there is no hold to settle: it was refused",
        ),
        (
            '{ name = "a", call = { model = "x", estimate_usd = 1 } }, { deny = "a" },'
            " { advance = '1s', expect = { alerts = {} } }",
            "the call does not ask anybody: it was allowed",
        ),
        (
            '{ call = { model = "x", estimate_usd = 1 } }, { settle = {} },'
            " { settle = {}, expect = { alerts = {} } }",
            "is committed already",
        ),
        (f'{{ call = {{ model = "{"x" * 1001}" }}, expect = {{ alerts = {{}} }} }}', "1,001"),
    ],
)
def test_a_step_that_cannot_be_taken_says_why(steps: str, said: str) -> None:
    [message] = mismatches(f'[[case]]\nname = "x"\ngiven.spent.search-day = 19\nstep = [{steps}]')
    assert message.startswith("the step cannot be taken: ")
    assert said in message


def test_a_disabled_policy_admits_everything() -> None:
    config = CONFIG.replace("enabled = true\nd", "enabled = false\nd", 1)
    assert mismatches(case('decision = "allowed"'), config) == []


def test_calls_of_a_file_share_what_it_says() -> None:
    shared = '[call]\nmodel = "claude-opus-4-5"\nproject = "search"\ninput_tokens = 20000\n'
    cases = case('decision = "refused"', "max_output_tokens = 4000") + case(
        'decision = "allowed"', 'max_output_tokens = 4000, project = "other"'
    ).replace('"x"', '"y"')
    assert mismatches(shared + cases) == []


def test_what_cases_touch_is_known() -> None:
    policy = fake_policy(CONFIG)
    touched = Touched()
    nothing = touched.of(policy)
    assert (nothing.percent, nothing.met) == (0, frozenset())
    for result in results(BEHAVIOUR):
        touched.add(result.calls)
    coverage = touched.of(policy)
    missing = {
        Item("day", "limit"),
        Item("month", "limit"),
        Item("each-dev", "cap"),
        Item("each-dev", "wait"),
    }
    assert {*coverage.missing} == missing
    assert Item("watched", "limit") in coverage.touched
    assert round(coverage.percent) == round(100 * (1 - 4 / len(coverage.items)))


def test_a_policy_without_limits_has_nothing_to_touch() -> None:
    policy = fake_policy("[cost]\nenabled = true\ndaily_limit_usd = 0\nmonthly_limit_usd = 0\n")
    assert Touched().of(policy).percent == 100
