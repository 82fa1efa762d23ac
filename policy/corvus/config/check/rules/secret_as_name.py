"""What names a variable holds no key (CFG-5)."""

from __future__ import annotations

from collections.abc import Iterator

from corvus.config.check.endpoints import texts
from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, KeyOf, ValueOf
from corvus.config.toml.values import Route, as_items, is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

_LONG = 20
_IN_CAPITALS = ("AKIA", "ASIA")
"""How keys begin that have no small letter: those of AWS."""
_TABLES = (
    (("governance", "upstreams"), ("api_key_env",)),
    (("governance", "notify"), ("url_env", "apprise_env", "secret_env")),
    (("governance", "signin"), ("client_secret_env",)),
)

INFO = CodeInfo(
    "secret-as-name",
    Severity.ERROR,
    "a key where the name of its variable belongs",
    "Keys that end in _env name an environment variable. Names are shown in messages, in logs and "
    "by corvus config show, so a key that is written there in place of its name is given away.",
    "A file has a key of a provider, such as gsk_ and forty more characters, as its api_key_env.",
    "[governance.upstreams.main]\n"
    'kind = "openai"\nbase_url = "https://api.example.com/v1"\napi_key_env = "MAIN_API_KEY"\n',
    "Put the key into an environment variable, write the name of that, and revoke a key that was "
    "published.",
    bad_is_text=False,
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report every name that looks like a key."""
    for route, name in _names(subject):
        if name.isupper() and not name.startswith(_IN_CAPITALS):
            continue  # as most names are, which spares the patterns of secrets
        from corvus.diagnostics.secrets import looks_like_secret

        is_known = looks_like_secret(name)
        if reporter.is_reported(route) or not (is_known or _is_random(name)):
            continue
        # What nothing hides in an excerpt must not be in one.
        place = ValueOf(route) if is_known else KeyOf(route[:-1])
        message = (
            f"`{reporter.shown(route)}` holds what looks like a key, not the name of a variable"
        )
        help_ = ("Put it into an environment variable, and write the name of that.",)
        reporter.add(Finding(INFO.code, message, place, "a secret", help_))


def _names(subject: Subject) -> Iterator[tuple[Route, str]]:
    for holder, keys in _TABLES:
        tables = value_at(subject.tables, holder)
        names = [*tables] if is_table(tables) else range(len(as_items(tables)))
        for name in names:
            for key in keys:
                yield from texts(subject.tables, (*holder, name, key))


def _is_random(name: str) -> bool:
    """Return whether a name is long and mixes small and capital letters with digits."""
    kinds = (str.islower, str.isupper, str.isdigit)
    return len(name) >= _LONG and all(any(map(is_one, name)) for is_one in kinds)
