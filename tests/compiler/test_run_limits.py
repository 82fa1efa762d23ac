"""Limits of the command line over a config: both hold, and an explicit wish is never dropped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.compiler.run_limits import RunLimits, lay_over
from corvus.model.policy import Policy
from corvus.runtime import open_runtime

USD = 1_000_000_000
STATED = ("cost.session_limit_usd", "cost.daily_limit_usd", "cost.monthly_limit_usd")
LIMITS = st.none() | st.integers(1, 20 * USD)


def policy(*sets: str) -> Policy:
    return open_runtime(sets=sets).policy


def limits_of(policy: Policy) -> dict[str, int]:
    return {one.name: one.limit_nano_usd for one in policy.budgets}


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def test_an_option_is_enforced_although_governance_is_off() -> None:
    laid = lay_over(policy(), RunLimits(daily_nano_usd=NanoUSD(50 * USD)), ())
    assert laid.enabled
    assert limits_of(laid) == {"session": 0, "day": 50 * USD, "month": 0}
    (day,) = [one for one in laid.budgets if one.period is Period.DAY]
    assert day.config_key == "--daily"


def test_what_a_disabled_config_states_holds_beside_the_option() -> None:
    off = policy("cost.enabled=false", "cost.daily_limit_usd=3", "cost.monthly_limit_usd=7")
    laid = lay_over(off, RunLimits(daily_nano_usd=NanoUSD(5 * USD)), STATED[1:])
    assert limits_of(laid) == {"session": 0, "day": 3 * USD, "month": 7 * USD}
    (day,) = [one for one in laid.budgets if one.period is Period.DAY]
    assert day.config_key == "cost.daily_limit_usd"


def test_a_model_without_a_price_is_refused_where_an_option_asks_for_a_limit() -> None:
    warns = policy("cost.enabled=true", "cost.unpriced_models=warn")
    assert lay_over(warns, RunLimits(run_nano_usd=NanoUSD(1)), STATED).unpriced_models == "deny"
    assert lay_over(warns, RunLimits(), STATED) is warns


@given(daily=LIMITS, session=LIMITS, run=LIMITS)
def test_no_option_ever_loosens_an_enabled_config(
    daily: int | None, session: int | None, run: int | None
) -> None:
    base = _enabled()
    limits = RunLimits(
        None if daily is None else NanoUSD(daily),
        None if session is None else NanoUSD(session),
        None if run is None else NanoUSD(run),
    )
    laid = lay_over(base, limits, ())
    before, after = limits_of(base), limits_of(laid)
    for name, limit in before.items():
        assert not limit or 0 < after[name] <= limit
    assert after["day"] <= (daily or after["day"])
    assert session is None or 0 < after["session"] <= session
    assert (laid.content_hash == base.content_hash) == (laid == base)


def _enabled() -> Policy:
    sets = ("cost.enabled=true", "cost.session_limit_usd=2", "cost.daily_limit_usd=9")
    return policy(*sets)
