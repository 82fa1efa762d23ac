"""Typed settings to what is enforced: the immutable policy, and the options of what is served.

A key that a policy has under the name of its setting is copied by that name, so that a new key
needs no line here. What is spelt otherwise in a config, budgets and prices above all, is compiled
by hand. The hash names what is enforced: how a file spells it does not count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from corvus.autonomy.decide import Autonomy
from corvus.base.globs import glob_fault
from corvus.base.money import NOTHING, NanoUSD, nano_usd
from corvus.base.period import Period
from corvus.config.model.defaults import LIMITS_USD, REFUSE, SCOPES, window_seconds
from corvus.config.toml.values import Route, shown
from corvus.diagnostics.model import ConfigError
from corvus.model.budget import Budget, Measure, Rung
from corvus.model.gateway import GatewayOptions, Kind, Upstream
from corvus.model.notify import NotifyTarget
from corvus.model.observability import ObservabilityOptions
from corvus.model.policy import MissionLimits, Policy, content_hash
from corvus.model.price import Price, Tier
from corvus.model.signin import GroupRule, OidcOptions, SignInOptions, Terms
from corvus.model.usage import FEES, TokenKind

if TYPE_CHECKING:
    from corvus.config.model.cost_table import BudgetSettings, CostSettings
    from corvus.config.model.price_table import PriceSettings, TierSettings
    from corvus.config.model.settings import AutonomySettings, Settings, UpstreamSettings
    from corvus.config.model.signin_table import OidcSettings

_NANO_USD_PER_CENT: Final = 10_000_000
_WITH_DEFAULT: Final = frozenset(f"cost.{name}" for name in LIMITS_USD)
_OPTIONS: Final = {Period.DAY: "--daily", Period.SESSION: "--session-limit"}


def compile_policy(settings: Settings, deprecated_fields: tuple[str, ...] = ()) -> Policy:
    """Compile settings.

    Args:
        settings: Valid settings of all layers.
        deprecated_fields: Paths of deprecated keys the files used; they are shown, and are no part
            of the hash: a migrated file compiles to the same hash as the original (DEP-5).

    Raises:
        ConfigError: A glob of ``match`` is malformed (CFG-10).
    """
    mission = settings.mission
    policy = Policy(
        **_same_named(Policy, settings.cost, but=("budgets", "prices", "downgrade")),
        downgrade=tuple((glob, tuple(to)) for glob, to in settings.cost.downgrade.items()),
        budgets=compile_budgets(settings),
        prices=compile_prices(settings),
        pinned_book_sha256=settings.governance.prices.sha256,
        autonomy=compile_autonomy(settings.autonomy),
        mission=MissionLimits(mission.enabled, mission.max_steps, mission.max_runtime_ms / 1000),
        deprecated_fields=(),
        content_hash="",
    )
    return replace(policy, deprecated_fields=deprecated_fields, content_hash=content_hash(policy))


def compile_autonomy(settings: AutonomySettings) -> Autonomy:
    """Compile ``[autonomy]`` (ACT-1); lists keep their order, for the hash of the policy."""
    return Autonomy(**_same_named(Autonomy, settings))


def gateway_options(settings: Settings) -> GatewayOptions:
    """Return how the gateway listens, what it lets in and where it forwards to."""
    gateway = settings.governance.gateway
    sign_in = sign_in_options(settings)
    own = (urlsplit(sign_in.url),) if sign_in.url is not None else ()
    return GatewayOptions(
        **_same_named(GatewayOptions, gateway, but=("allowed_hosts", "allowed_origins")),
        allowed_hosts=(
            *(name.lower() for name in gateway.allowed_hosts),
            *(url.hostname or "" for url in own),
        ),
        allowed_origins=(*gateway.allowed_origins, *(f"{url[0]}://{url[1]}" for url in own)),
        sign_in=sign_in,
        metrics=settings.governance.observability.metrics,
        upstreams=tuple(
            _upstream(name, upstream) for name, upstream in settings.governance.upstreams.items()
        ),
    )


def sign_in_options(settings: Settings) -> SignInOptions:
    """Return how clients log in; the path of managed settings is as it is written."""
    table = settings.governance.signin
    oidc = table.oidc
    path = table.managed_settings
    return SignInOptions(
        **_same_named(SignInOptions, table, but=("managed_settings", "oidc")),
        terms=Terms(table.access_minutes * 60, table.lifetime_days * 86_400),
        managed_settings=None if path is None else Path(path),
        oidc=None if oidc is None else _oidc(oidc),
    )


def _oidc(table: OidcSettings) -> OidcOptions:
    groups = tuple(GroupRule(**_same_named(GroupRule, rule)) for rule in table.groups)
    return OidcOptions(**_same_named(OidcOptions, table, but=("groups",)), groups=groups)


def observability_options(settings: Settings) -> ObservabilityOptions:
    """Return which sinks receive events."""
    return ObservabilityOptions(
        **_same_named(ObservabilityOptions, settings.governance.observability)
    )


def notify_targets(settings: Settings) -> tuple[NotifyTarget, ...]:
    """Return where notifications are sent, in the order of the file."""
    return tuple(
        NotifyTarget(**_same_named(NotifyTarget, target)) for target in settings.governance.notify
    )


def _same_named(target: type, table: object, *, but: Collection[str] = ()) -> dict[str, Any]:
    """Return the settings of a table that a dataclass has under the same names, lists as tuples."""
    names = {field.name for field in fields(target)} - {*but}
    return {
        name: tuple(cast("list[object]", value)) if isinstance(value, list) else value
        for name, value in vars(table).items()
        if name in names
    }


def _upstream(name: str, settings: UpstreamSettings) -> Upstream:
    rest = _same_named(Upstream, settings, but=("kind", "base_url"))
    return Upstream(name, settings.base_url or "", Kind(settings.kind), **rest)


def compile_budgets(settings: Settings) -> tuple[Budget, ...]:
    """Return every budget in the order of EVA-7: session, day, month, mission, then named ones.

    Raises:
        ConfigError: A glob is malformed; what has it would govern nothing (CFG-10).
    """
    cost, mission = settings.cost, settings.mission
    if faults := [*_glob_faults(cost)]:
        raise ConfigError("; ".join(faults))
    limits = {
        Period(name): (nano_usd(getattr(cost, key)), f"cost.{key}") for name, key in SCOPES.items()
    }
    if mission.enabled and mission.max_estimated_cost_cents > 0:
        limit = NanoUSD(mission.max_estimated_cost_cents * _NANO_USD_PER_CENT)
        limits[Period.MISSION] = limit, "mission.max_estimated_cost_cents"
    scopes = (
        Budget(
            name=period.value,
            period=period,
            limit=limit,
            thresholds=(cost.warn_at_percent,),
            config_key=key,
            on_exceeded=_ladder(cost.on_exceeded),
        )
        for period, (limit, key) in limits.items()
    )
    named = (_named(index, budget, cost) for index, budget in enumerate(cost.budgets))
    return (*scopes, *named)


def _glob_faults(cost: CostSettings) -> Iterator[str]:
    for route, glob in _globs(cost):
        if fault := glob_fault(glob):
            yield f"{shown(('cost', *route))}: the glob {glob!r} {fault}"


def _globs(cost: CostSettings) -> Iterator[tuple[Route, str]]:
    for glob in cost.downgrade:
        yield ("downgrade", glob), glob
    for index, budget in enumerate(cost.budgets):
        route = ("budgets", index)
        for attribute, globs in budget.match.items():
            yield from (((*route, "match", attribute), glob) for glob in _listed(globs))
        yield from (((*route, "limits", glob), glob) for glob in budget.limits)


def _named(index: int, budget: BudgetSettings, cost: CostSettings) -> Budget:
    stated = {
        Measure.USD: budget.limit_usd,
        Measure.TOKENS: budget.limit_tokens,
        Measure.CALLS: budget.limit_calls,
    }
    measure, limit = next((unit, limit) for unit, limit in stated.items() if limit is not None)
    ladder = cost.on_exceeded if budget.on_exceeded is None else budget.on_exceeded
    return Budget(
        name=budget.name,
        period=Period.WINDOW if budget.period is None else Period(budget.period),
        limit=_in_unit(measure, limit),
        thresholds=_thresholds(budget, cost),
        config_key=f"cost.budgets[{index}].limit_{measure}",
        match=tuple((attribute, _listed(globs)) for attribute, globs in budget.match.items()),
        timezone=budget.timezone,
        measure=measure,
        per=tuple(budget.per or ()),
        limits=tuple((glob, _in_unit(measure, limit)) for glob, limit in budget.limits.items()),
        window_seconds=window_seconds(budget.window or "") or 0,
        enforce=budget.enforce,
        on_exceeded=_ladder(ladder) if budget.enforce == "block" else (),
    )


def _listed(globs: str | list[str]) -> tuple[str, ...]:
    return (globs,) if isinstance(globs, str) else tuple(globs)


def _in_unit(measure: Measure, limit: Decimal | int) -> int:
    return nano_usd(limit) if measure is Measure.USD else int(limit)


def _thresholds(budget: BudgetSettings, cost: CostSettings) -> tuple[int, ...]:
    if budget.thresholds is not None:
        return tuple(sorted(budget.thresholds))
    one = budget.warn_at_percent
    return (cost.warn_at_percent if one is None else one,)


def _ladder(rungs: Sequence[str]) -> tuple[Rung, ...]:
    return tuple(Rung(rung) for rung in rungs if rung != REFUSE)


def compile_prices(settings: Settings) -> tuple[Price, ...]:
    """Return the author's own prices in file order, nano-USD per million tokens (PRC-2, PRC-6)."""
    return tuple(_price(name, entry) for name, entry in settings.cost.prices.items())


def _price(name: str, entry: PriceSettings) -> Price:
    provider, slash, model = name.partition("/")
    dated = f"@{entry.effective_from.isoformat()}" if entry.effective_from else ""
    fees = {kind: rate for kind, rate in _rates(entry).items() if kind in FEES}
    return Price(
        provider=provider if slash else "",
        model=model if slash else name,
        book="user",
        entry=f"user:{name}{dated}",
        rates=_rates(entry),
        tiers=tuple(Tier(tier.above_tokens, {**_rates(tier), **fees}) for tier in entry.tiers),
        effective_from=entry.effective_from,
        source=entry.source,
        aliases=tuple(entry.aliases),
    )


def _rates(table: PriceSettings | TierSettings) -> dict[TokenKind, int]:
    """Return nano-USD per million tokens, or uses; of a kind that is left out nothing (PRC-2)."""
    amounts = {kind: getattr(table, kind.value, None) for kind in TokenKind}
    if amounts[TokenKind.REASONING] is None:
        amounts[TokenKind.REASONING] = amounts[TokenKind.OUTPUT]
    return {
        kind: int(nano_usd(amount)) * (1_000_000 if kind in FEES else 1)
        for kind, amount in amounts.items()
        if amount is not None
    }


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What a run may spend by its command line, nano-USD, > 0; ``None`` states nothing (CLI-4).

    Attributes:
        daily_nano_usd: All calls of a day (UTC), of this run and of all others in the same store.
        session_nano_usd: All calls of the run's session.
        run_nano_usd: The calls of this run alone; it is enforced as the limit of its mission.
    """

    daily_nano_usd: NanoUSD | None = None
    session_nano_usd: NanoUSD | None = None
    run_nano_usd: NanoUSD | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """The options that state something, as the user writes them."""
        stated = (
            ("--daily", self.daily_nano_usd),
            ("--session-limit", self.session_nano_usd),
            ("--limit", self.run_nano_usd),
        )
        return tuple(option for option, amount in stated if amount is not None)


def lay_over(policy: Policy, limits: RunLimits, stated: Collection[str]) -> Policy:
    """Return the policy with the limits of a run in force.

    Limits that are given explicitly are enforced: governance is on whatever the config says, and a
    model without a price is refused, for nothing could be held for it. Where the config has a limit
    for the same period both hold, so the lower one binds. Defaults of a config that is not enabled
    were chosen by nobody, and are left out.

    Args:
        policy: What the config says.
        limits: What the command line says; when it says nothing, the policy stays as it is.
        stated: Keys that the config states, such as ``cost.daily_limit_usd``.
    """
    if not limits.options:
        return policy
    by_period = {Period.DAY: limits.daily_nano_usd, Period.SESSION: limits.session_nano_usd}
    kept = policy if policy.enabled else _without_defaults(policy, stated)
    budgets = tuple(_lowered(budget, by_period.get(budget.period)) for budget in kept.budgets)
    changed = replace(kept, enabled=True, unpriced_models="deny", budgets=budgets)
    return replace(changed, content_hash=content_hash(changed))


def _without_defaults(policy: Policy, stated: Collection[str]) -> Policy:
    budgets = (
        replace(budget, limit=NOTHING)
        if budget.config_key in _WITH_DEFAULT and budget.config_key not in stated
        else budget
        for budget in policy.budgets
    )
    return replace(policy, budgets=tuple(budgets))


def _lowered(budget: Budget, limit: NanoUSD | None) -> Budget:
    """Return one of the four scopes with the lower of its limit and that of an option."""
    if limit is None or budget.name != budget.period.value:
        return budget
    if 0 < budget.limit <= limit:
        return budget
    return replace(budget, limit=limit, config_key=_OPTIONS[budget.period])
