"""Whatever a test file says, a case comes true, fails, or is refused with a place (PLN-2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corvus.config.check.cases.case_reading import case_reporter, read_cases
from corvus.config.toml.document import read_document
from corvus.config.toml.values import written
from corvus.planning.scenarios.fitting import report_misfits
from corvus.planning.scenarios.running import run_cases
from corvus.planning.scenarios.sums import budgets_by_name
from corvus.planning.scenarios.touched import Touched
from corvus.prices.lookup import PriceBooks
from corvus.testing import fake_policy

POLICY = fake_policy((Path(__file__).parent / "cases" / "corvus.toml").read_text("utf-8"))
BOOKS = PriceBooks(POLICY.prices)

AMOUNTS = st.integers(0, 30) | st.decimals(0, 30, places=2) | st.sampled_from([9 * 10**18, 10**12])
BUDGETS = st.sampled_from([*budgets_by_name(POLICY), "dya"])
SUMS = st.dictionaries(
    BUDGETS, AMOUNTS | st.dictionaries(st.sampled_from(["ada", "bob", "a,b", ""]), AMOUNTS)
)
NAMES = st.sampled_from(["a", "b"])


def some(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A table with any of these keys."""
    return st.fixed_dictionaries({}, optional=keys)


CALL = st.fixed_dictionaries(
    {"model": st.sampled_from(["claude-opus-4-5", "claude-haiku-4-5", "no-such-model"])},
    optional={
        "input_tokens": st.integers(0, 100_000) | st.just(9 * 10**18),
        "max_output_tokens": st.integers(0, 20_000),
        "estimate_usd": AMOUNTS,
        "user": st.sampled_from(["ada", "root", "x" * 1001]),
        "project": st.just("search"),
        "agent": st.sampled_from(["batch", "careful", "watched"]),
        "mission": NAMES,
        "session": NAMES,
        "rungs": st.lists(st.sampled_from(["cap", "wait", "downgrade", "ask"]), max_size=3),
        "models": st.just(["claude-haiku-4-5"]),
        "tags": st.just({"team": "x"}),
    },
)
EXPECT = some(
    decision=st.sampled_from(["allowed", "refused", "waits", "asks"]),
    budget=BUDGETS,
    rungs=st.lists(st.sampled_from(["cap", "wait"]), max_size=1),
    spent=SUMS,
    held=SUMS,
    alerts=st.dictionaries(BUDGETS, st.just([80])),
    message=st.sampled_from(["*", "*$*", "["]),
    waited_seconds=AMOUNTS,
    part=st.sampled_from(["ada", "ada,x"]),
)
STEP = st.one_of(
    st.fixed_dictionaries({"call": CALL}, optional={"name": NAMES, "expect": EXPECT}),
    st.fixed_dictionaries({"settle": some(call=NAMES, cost_usd=AMOUNTS)}),
    st.fixed_dictionaries({"settle": some(input_tokens=st.integers(0, 9 * 10**18))}),
    st.fixed_dictionaries({"release": NAMES}),
    st.fixed_dictionaries({"advance": st.sampled_from(["1s", "20s", "5m", "5h", "366d"])}),
    st.fixed_dictionaries({"at": st.datetimes()}),
    st.fixed_dictionaries({"reset": st.fixed_dictionaries({"budget": BUDGETS})}),
    st.fixed_dictionaries({"override": some(session=NAMES)}),
    st.fixed_dictionaries({"approve": some(call=NAMES, amount_usd=AMOUNTS)}),
    st.fixed_dictionaries({"deny": NAMES}),
    st.fixed_dictionaries(
        {
            "start_mission": st.fixed_dictionaries(
                {"mission": NAMES}, optional={"limit_usd": AMOUNTS}
            )
        }
    ),
    st.fixed_dictionaries({"end_mission": st.fixed_dictionaries({"mission": NAMES})}),
    st.fixed_dictionaries({"close_session": NAMES}),
    st.fixed_dictionaries({"act": some(command=st.text(max_size=9), tool=st.text(max_size=3))}),
)
CASE = some(
    given=some(spent=SUMS, held=SUMS, override=st.booleans()),
    step=st.lists(STEP, min_size=1, max_size=7),
)


FIRST = st.fixed_dictionaries({"call": CALL, "name": st.just("a")})
LAST: dict[str, Any] = {"advance": "1s", "expect": {"alerts": {}}}


def text_of(case: dict[str, Any], first: dict[str, Any]) -> str:
    """A file with one case, between a call and a step that expects something."""
    steps = [written(first), *map(step_of, case.get("step", [])), written(LAST)]
    body = {key: written(value) for key, value in case.items() if key != "step"}
    body["step"] = f"[{', '.join(steps)}]"
    return "".join(f"{key} = {value}\n" for key, value in {"name": "'x'", **body}.items())


def step_of(step: dict[str, Any]) -> str:
    """A step; its instant is a date-time with an offset."""
    return f"{{ at = {step['at'].isoformat()}Z }}" if "at" in step else written(step)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=CASE, first=FIRST)
def test_every_case_has_an_answer(case: dict[str, Any], first: dict[str, Any]) -> None:
    document, _ = read_document(f"[[case]]\n{text_of(case, first)}".encode(), "x.test.toml")
    assert document is not None
    read = read_cases(document)
    reporter = case_reporter(document)
    if read.table is not None:
        report_misfits(read.table, budgets_by_name(POLICY), reporter)
    refused = [*read.diagnostics, *reporter.found]
    assert all(found.span is not None for found in refused)
    if read.table is None or refused:
        return
    touched = Touched()
    for result in run_cases(read.table, POLICY, BOOKS):
        touched.add(result.calls)
        for mismatch in result.mismatches:
            assert mismatch.message
            assert document.has(mismatch.route), mismatch
    assert 0 <= touched.of(POLICY).percent <= 100
