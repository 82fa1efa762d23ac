"""The URL of a webhook that lets in whoever knows it is a secret (OBS-4)."""

from __future__ import annotations

from corvus.config.check.reporter import Reporter
from corvus.config.check.subject import Subject
from corvus.config.toml.finding import Finding, ValueOf
from corvus.config.toml.values import Route, as_items, is_table, value_at
from corvus.diagnostics.codes import CodeInfo, Severity

_LONG = 24

INFO = CodeInfo(
    "notify-secret",
    Severity.ERROR,
    "the URL of a webhook with a secret in it",
    "Whoever knows the URL of a Slack, Discord or Teams webhook can post there. A config is kept "
    "in version control and shown to people, so such a URL stands in an environment variable, and "
    "the file has its name.",
    '[[governance.notify]]\nname = "ops"\nurl = "https://hooks.slack.com/services/T0/B0/x"\n',
    '[[governance.notify]]\nname = "ops"\nurl_env = "SLACK_WEBHOOK_URL"\n',
    "Write url_env with the name of a variable, and revoke a URL that was published.",
)


def check(subject: Subject, reporter: Reporter) -> None:
    """Report every ``url`` that looks like a secret."""
    for index, target in enumerate(as_items(value_at(subject.tables, ("governance", "notify")))):
        table: Route = ("governance", "notify", index)
        route: Route = (*table, "url")
        url = target.get("url") if is_table(target) else None
        if not isinstance(url, str) or reporter.is_reported(route):
            continue
        if _has_secret(url):
            place = route
        elif _may_have_secret(url):
            place = table  # what nothing hides in an excerpt must not be in one
        else:
            continue
        message = f"`{reporter.shown(route)}` has a secret in it"
        help_ = ("Put the URL into an environment variable, and name that in url_env.",)
        reporter.add(Finding(INFO.code, message, ValueOf(place), "a secret", help_))


def _has_secret(url: str) -> bool:
    """Return whether a URL has a password, or the path of a webhook that is known."""
    from corvus.diagnostics.secrets import looks_like_secret

    return looks_like_secret(url)


def _may_have_secret(url: str) -> bool:
    """Return whether a piece of a URL is named like a secret, or is one by its looks."""
    from urllib.parse import parse_qsl, urlsplit

    from corvus.diagnostics.secrets import looks_secret

    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    query = parse_qsl(parts.query, keep_blank_values=True)
    if any(looks_secret(name) or _is_random(value) for name, value in query):
        return True
    return any(_is_random(piece) for piece in parts.path.split("/"))


def _is_random(piece: str) -> bool:
    """Return whether a piece of a URL is long and mixes letters with digits, as no word does."""
    has_both = any(map(str.isdigit, piece)) and any(map(str.isalpha, piece))
    return len(piece) >= _LONG and has_both
