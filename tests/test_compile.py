from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.compile import RunLimits, compile_policy, lay_over
from corvus.config.model.price_table import PriceSettings, TierSettings
from corvus.config.model.settings import Settings
from corvus.diagnostics.model import ConfigError
from corvus.model.budget import Rung
from corvus.model.policy import Policy
from corvus.model.usage import COUNT_OF, FEES, TokenKind, Usage
from corvus.prices.cost import cost
from corvus.runtime import open_runtime

USD = 1_000_000_000
STATED = ("cost.session_limit_usd", "cost.daily_limit_usd", "cost.monthly_limit_usd")
LIMITS = st.none() | st.integers(1, 20 * USD)


def compiled(text: str = "", deprecated: tuple[str, ...] = ()) -> Policy:
    data: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    return compile_policy(Settings.model_validate(data), deprecated)


def test_defaults_compile_to_session_day_and_month() -> None:
    budgets = compiled().budgets
    assert [(b.name, b.period, b.limit, b.config_key) for b in budgets] == [
        ("session", Period.SESSION, 0, "cost.session_limit_usd"),
        ("day", Period.DAY, 10_000_000_000, "cost.daily_limit_usd"),
        ("month", Period.MONTH, 100_000_000_000, "cost.monthly_limit_usd"),
    ]
    assert all(b.match == () and b.timezone == "UTC" and b.warn_at_percent == 80 for b in budgets)


def test_a_mission_budget_exists_only_when_missions_are_bounded_by_money() -> None:
    assert [b.name for b in compiled("mission.enabled = true").budgets][3:] == ["mission"]
    assert (
        compiled("mission = {enabled = true, max_estimated_cost_cents = 250}").budgets[3].limit
        == 2_500_000_000
    )
    assert len(compiled("mission = {enabled = true, max_estimated_cost_cents = 0}").budgets) == 3
    assert len(compiled("mission.max_estimated_cost_cents = 250").budgets) == 3


def test_named_budgets_follow_in_file_order_and_inherit_the_threshold() -> None:
    policy = compiled("""
        [cost]
        warn_at_percent = 70
        [[cost.budgets]]
        name = "team-b"
        period = "week"
        limit_usd = 2.5
        timezone = "Europe/Madrid"
        match = {project = "search-*", model = "claude-*"}
        [[cost.budgets]]
        name = "team-a"
        period = "total"
        limit_usd = 7
        warn_at_percent = 50
    """)
    first, second = policy.budgets[3:]
    assert (first.name, first.period, first.limit) == (
        "team-b",
        Period.WEEK,
        2_500_000_000,
    )
    assert (first.warn_at_percent, first.timezone) == (70, "Europe/Madrid")
    assert first.match == (("project", ("search-*",)), ("model", ("claude-*",)))
    assert first.config_key == "cost.budgets[0].limit_usd"
    assert (second.name, second.warn_at_percent, second.limit) == (
        "team-a",
        50,
        7_000_000_000,
    )


def test_a_budget_has_its_parts_unit_window_and_thresholds() -> None:
    """CFG-10: what a config says is what the governor gets, in its unit and in order."""
    each, watch = compiled("""
        [cost]
        warn_at_percent = 70
        on_exceeded = ["wait", "ask", "refuse"]
        [[cost.budgets]]
        name = "each"
        per = ["user", "tag.team"]
        match = {user = ["ana", "b*"], "tag.team" = "search"}
        limit_tokens = 1_000_000
        limits = {"b*,search" = 5, "*" = 0}
        window = "5h"
        thresholds = [95, 50]
        [[cost.budgets]]
        name = "watch"
        limit_calls = 7
        period = "year"
        enforce = "warn"
        on_exceeded = ["cap"]
    """).budgets[3:]
    assert (each.period, each.window_seconds, each.measure) == (Period.WINDOW, 18_000, "tokens")
    assert (each.limit, each.limits) == (1_000_000, (("b*,search", 5), ("*", 0)))
    assert (each.per, each.thresholds) == (("user", "tag.team"), (50, 95))
    assert each.match == (("user", ("ana", "b*")), ("tag.team", ("search",)))
    assert each.config_key == "cost.budgets[0].limit_tokens"
    assert (each.enforce, each.on_exceeded) == ("block", (Rung.WAIT, Rung.ASK))
    assert (watch.period, watch.window_seconds, watch.measure) == (Period.YEAR, 0, "calls")
    assert (watch.limit, watch.thresholds) == (7, (70,))
    assert (watch.enforce, watch.on_exceeded) == ("warn", ()), "it refuses no call"


def test_the_ladder_of_the_config_is_that_of_every_budget_that_states_none() -> None:
    """EVA-14: those of [cost] and the mission, too."""
    mission = "mission = {enabled = true}\n"
    named = '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n'
    policy = compiled(f"{mission}{named}")
    assert {one.on_exceeded for one in policy.budgets} == {(Rung.CAP, Rung.WAIT)}
    policy = compiled(f"{mission}cost.on_exceeded = []\n")
    assert {one.on_exceeded for one in policy.budgets} == {()}
    (*_, one) = compiled(f"{named}on_exceeded = ['downgrade', 'refuse']\n").budgets
    assert one.on_exceeded == (Rung.DOWNGRADE,)


def test_the_limits_of_an_option_have_the_ladder_too() -> None:
    """CLI-4, EVA-14: with and without a config."""
    laid = lay_over(policy(), RunLimits(daily_nano_usd=NanoUSD(5 * USD)), ())
    assert {one.on_exceeded for one in laid.budgets} == {(Rung.CAP, Rung.WAIT)}
    off = lay_over(policy("cost.on_exceeded=[]"), RunLimits(daily_nano_usd=NanoUSD(USD)), ())
    assert {one.on_exceeded for one in off.budgets} == {()}


def test_own_prices_become_exact_integers() -> None:
    """PRC-6: 0.0375 USD per million tokens is 37,500,000 nano-USD per million, not a float."""
    (price,) = compiled("""
        [cost.prices."acme/tiny"]
        input = 0.0375
        output = 0
        effective_from = 2026-11-01
    """).prices
    assert price.rates == {
        TokenKind.INPUT: 37_500_000,
        TokenKind.OUTPUT: 0,
        TokenKind.REASONING: 0,
    }
    assert (price.provider, price.model, price.book) == ("acme", "tiny", "user")
    assert price.entry == "user:acme/tiny@2026-11-01"


def test_own_tiers_hold_for_the_whole_call_and_take_nothing_from_the_base_but_fees() -> None:
    """PRC-2: a kind that a tier leaves out has no price there; a fee does not go by the context."""
    (price,) = compiled("""
        [cost.prices."acme/long"]
        input = 1
        output = 2
        cache_read = 0.1
        input_audio = 8
        web_search = 0.01
        aliases = ["long-latest"]
        tiers = [{ above_tokens = 200000, input = 2, output = 4 }]
    """).prices
    (tier,) = price.tiers
    assert tier.above_tokens == 200_000
    assert tier.rates == {
        TokenKind.INPUT: 2_000_000_000,
        TokenKind.OUTPUT: 4_000_000_000,
        TokenKind.REASONING: 4_000_000_000,
        TokenKind.WEB_SEARCH: 10_000_000_000_000,
    }
    assert price.rates[TokenKind.INPUT_AUDIO] == 8_000_000_000
    assert price.aliases == ("long-latest",)


@pytest.mark.parametrize("kind", FEES)
def test_an_own_fee_is_usd_for_one_use(kind: TokenKind) -> None:
    (price,) = compiled(f'cost.prices."m" = {{input = 1, output = 1, {kind} = 0.0025}}').prices
    assert price.rates[kind] == 2_500_000_000_000
    assert cost(Usage(**{COUNT_OF[kind]: 2}), price) == 5_000_000


def test_every_kind_is_a_key_of_own_prices() -> None:
    """PRC-2: what a provider can bill an author can state; kinds are listed once."""
    assert {kind.value for kind in TokenKind} <= PriceSettings.model_fields.keys()
    tier = TierSettings.model_fields.keys()
    assert {kind.value for kind in TokenKind if kind not in FEES} == tier - {"above_tokens"}


def test_an_own_price_of_reasoning_stands_beside_that_of_output() -> None:
    """PRC-2: reasoning costs as output only where the author does not say otherwise."""
    (price,) = compiled("""
        [cost.prices.thinker]
        input = 1
        output = 2
        reasoning = 0.5
    """).prices
    assert price.rates[TokenKind.OUTPUT] == 2_000_000_000
    assert price.rates[TokenKind.REASONING] == 500_000_000


def test_a_budget_with_a_malformed_glob_is_refused_and_every_such_glob_is_named() -> None:
    """CFG-10: such a glob matches nothing, so its budget would never count a call."""
    with pytest.raises(ConfigError) as refused:
        compiled("""
            [[cost.budgets]]
            name = "a"
            period = "day"
            limit_usd = 1
            match = {model = "claude-[", project = "x*"}
            [[cost.budgets]]
            name = "b"
            period = "day"
            limit_usd = 1
            match = {user = "[z-a]"}
        """)
    assert str(refused.value) == (
        "cost.budgets[0].match.model: the glob 'claude-[' has a `[` at character 8 that no `]` "
        "closes; write `\\[` to mean it; "
        "cost.budgets[1].match.user: the glob '[z-a]' has the set `[z-a]`, whose range z-a is empty"
    )


def test_the_hash_names_what_is_enforced_and_nothing_else() -> None:
    plain = compiled("cost.daily_limit_usd = 25")
    assert (
        plain.content_hash == compiled("# a comment\n[cost]\ndaily_limit_usd = 25.0\n").content_hash
    )
    assert plain.content_hash == compiled("cost.daily_limit_usd = 25", ("autonomy.x",)).content_hash
    assert plain.content_hash != compiled("cost.daily_limit_usd = 26").content_hash
    assert plain.content_hash.startswith("sha256:")


@pytest.mark.parametrize(
    "change",
    [
        "cost.enabled = true",
        "cost.allow_override = true",
        'cost.unpriced_models = "warn"',
        "cost.default_output_tokens = 1",
        "cost.reservation_ttl_seconds = 1",
        "cost.warn_at_percent = 81",
        'cost.on_exceeded = ["wait", "cap"]',
        "cost.cap_at_least_tokens = 1",
        "cost.wait_seconds = 1",
        "cost.ask_seconds = 1",
        'cost.downgrade."a*" = ["b"]',
        'cost.hold = "expected"',
        'cost.prices."m" = {input = 1, output = 1}',
        'cost.prices."m" = {input = 1, output = 1, aliases = ["n"]}',
        'cost.prices."m" = {input = 1, output = 1, web_search = 0.01}',
        "[cost.prices.m]\ninput = 1\noutput = 1\n"
        "tiers = [{above_tokens = 9, input = 2, output = 2}]",
        "autonomy.max_actions_per_hour = 0",
        'autonomy.level = "full"',
    ],
)
def test_every_enforced_setting_changes_the_hash(change: str) -> None:
    assert compiled(change).content_hash != compiled().content_hash


BUDGET = '[[cost.budgets]]\nname = "a"\nper = ["user"]\n'


@pytest.mark.parametrize(
    "change",
    [
        "limit_usd = 2",
        "limit_tokens = 1",
        "limit_calls = 1",
        "limit_usd = 1\nlimits = {ana = 1}",
        "limit_usd = 1\nthresholds = [50, 80]",
        "limit_usd = 1\nthresholds = []",
        "limit_usd = 1\nenforce = 'warn'",
        "limit_usd = 1\non_exceeded = []",
        "limit_usd = 1\nmatch = {user = 'a*'}",
    ],
)
def test_every_key_of_a_budget_changes_the_hash(change: str) -> None:
    plain = compiled(f"{BUDGET}period = 'day'\nlimit_usd = 1\n").content_hash
    assert compiled(f"{BUDGET}period = 'day'\n{change}\n").content_hash != plain
    assert compiled(f"{BUDGET}window = '5h'\nlimit_usd = 1\n").content_hash != plain


def test_how_a_budget_is_spelt_does_not_count_in_the_hash() -> None:
    one = compiled(
        f"{BUDGET}window = '1d'\nlimit_usd = 1\nthresholds = [80]\nmatch = {{user = 'a'}}"
    )
    other = compiled(f"{BUDGET}match = {{user = ['a']}}\nwindow = '24h'\nlimit_usd = 1.0")
    assert one.content_hash == other.content_hash


def policy(*sets: str) -> Policy:
    return open_runtime(sets=sets).policy


def limits_of(policy: Policy) -> dict[str, int]:
    return {one.name: one.limit for one in policy.budgets}


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
