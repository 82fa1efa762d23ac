"""A fingerprint follows a finding through changes of the file, and no two findings share one."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from corvus.diagnostics.codes import Severity
from corvus.diagnostics.fingerprint import fingerprints
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Input, Outcome

Check = Callable[..., Outcome]
TEXT = """\
[cost]
dayly_limit_usd = 5
warn_at_percent = 150

[[cost.budgets]]
name = "a"
period = "day"
limit_usd = -1

[[cost.budgets]]
name = "b"
period = "day"
limit_usd = -1
"""


def named(outcome: Outcome) -> list[tuple[str, str]]:
    codes = [diagnostic.code for diagnostic in outcome.diagnostics]
    return list(zip(codes, fingerprints(outcome), strict=True))


def test_lines_and_tables_added_above_change_nothing(check: Check) -> None:
    extra = '[[cost.budgets]]\nname = "c"\nperiod = "day"\nlimit_usd = 1\n'
    moved = TEXT.replace("[[cost.budgets]]", f"# new\n\n{extra}\n[[cost.budgets]]", 1)
    assert named(check(f"# a comment\n\n{moved}")) == named(check(TEXT))


def test_no_two_findings_share_one(check: Check) -> None:
    found = fingerprints(check(TEXT))
    assert len(found) == len(set(found)) == 4


def test_file_code_and_route_each_count(check: Check) -> None:
    one = fingerprints(check("[cost]\nwarn_at_percent = 150\n"))
    assert one == fingerprints(check("[cost]\nwarn_at_percent = 160\n"))
    assert one != fingerprints(check("[cost]\nwarn_at_percent = 150\n", name="other.toml"))
    assert one != fingerprints(check("[cost]\nwarn_at_percent = true\n"))
    assert one != fingerprints(check("[mission]\nmax_steps = -1\n"))


def test_a_line_that_is_not_toml_is_known_by_its_text(check: Check) -> None:
    before = fingerprints(check("[cost]\nenabled = yes\nwarn_at_percent = no\n"))
    after = fingerprints(check("\n\n[cost]\nenabled = yes\n\nwarn_at_percent = no\n"))
    assert before == after
    assert len(set(before)) == 2


def test_a_secret_does_not_count(check: Check) -> None:
    """A fingerprint is public: nobody shall try passwords against it."""
    first, second = (check(f"api_key = hunter{n}\n[cost]\n") for n in (2, 3))
    assert fingerprints(first) == fingerprints(second)


def test_a_secret_of_several_lines_moves_no_line_below_it(check: Check) -> None:
    secret = 'password = """\n1\n2\n"""\n'
    first, second = (fingerprints(check(f"{secret}= {word}\n")) for word in ("yes", "no"))
    assert first != second


@example([("a:", "b"), ("a", ":b")])
@given(st.lists(st.tuples(st.text(), st.text()), min_size=2, max_size=2, unique=True))
def test_parts_do_not_run_into_one_another(routes: list[tuple[str, str]]) -> None:
    found = tuple(
        Diagnostic("unknown-key", Severity.ERROR, "m", "a.toml", None, path=route)
        for route in routes
    )
    first, second = fingerprints(Outcome((Input("a.toml", "", diagnostics=found),)))
    assert first != second
