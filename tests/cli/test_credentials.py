"""A governed command gets no key that would pay for calls beyond its budgets (CLI-4)."""

from __future__ import annotations

import pytest

from corvus.cli.credentials import store_passwords, withheld
from corvus.model.gateway import Kind, Upstream

UPSTREAM = Upstream("x", "https://x.example", Kind.OPENAI, "X_KEY")
HARMLESS = {
    "HOME": "/h",
    "AWS_REGION": "eu-west-1",
    "AWS_ENDPOINT_URL_S3": "https://s3.example",
    "GITHUB_TOKEN": "g",
    "SSH_AUTH_SOCK": "/s",
    "AZURE_OPENAI_ENDPOINT": "https://a.example",
    "MONKEY": "m",
}


def given(environment: dict[str, str], **options: object) -> dict[str, str]:
    names = withheld(environment, upstreams=[UPSTREAM], **options)  # pyright: ignore[reportArgumentType]
    return {name: text for name, text in environment.items() if name not in names}


@pytest.mark.parametrize(
    "name",
    [
        "X_KEY",
        "OPENAI_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "OPENROUTER_API_KEY",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "AZURE_OPENAI_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_BEARER_TOKEN_BEDROCK",
        "HF_TOKEN",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "A_PROVIDER_OF_NEXT_YEAR_API_KEY",
        "mistral_api_key",
        "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_MANTLE",
        "ANTHROPIC_UNIX_SOCKET",
        "GOOGLE_GENAI_USE_VERTEXAI",
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_SOMETHING_OF_NEXT_YEAR",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "COPILOT_GITHUB_TOKEN",
        "VERCEL_OIDC_TOKEN",
    ],
)
def test_a_key_of_a_provider_is_withheld_unless_it_is_passed_on_by_name(name: str) -> None:
    environment = {**HARMLESS, name: "secret"}
    assert given(environment) == HARMLESS
    assert given(environment, passed=(name,)) == environment


def test_a_log_in_of_the_command_stays_with_it_and_other_keys_do_not() -> None:
    own = {"OPENAI_API_KEY": "a", "ANTHROPIC_AUTH_TOKEN": "b", "CLAUDE_CODE_OAUTH_TOKEN": "c"}
    own["GEMINI_API_KEY"] = "d"
    environment = {**HARMLESS, **own, "MISTRAL_API_KEY": "m", "X_KEY": "e"}
    assert given(environment, keeps_log_in=True) == HARMLESS | own


def test_a_log_in_that_nobody_asked_for_keeps_no_other_key() -> None:
    """`corvus code -- claude` without a key keeps the log-in of Claude Code, and that alone."""
    environment = {"CLAUDE_CODE_OAUTH_TOKEN": "t", "OPENAI_API_KEY": "k", "CODEX_API_KEY": "c"}
    asked = withheld(environment, upstreams=(), keeps_log_in=True)
    unasked = withheld(environment, upstreams=(), keeps_log_in=True, log_in_of=Kind.ANTHROPIC)
    assert (asked, unasked) == ((), ("CODEX_API_KEY", "OPENAI_API_KEY"))


URL = "postgresql://ana:h%75sh@db.example/corvus"
LEFT = "postgresql://ana@db.example/corvus"


@pytest.mark.parametrize(
    ("name", "text", "left"),
    [
        ("CORVUS_GOVERNANCE__LEDGER__URL", URL, LEFT),
        ("CORVUS_GOVERNANCE__LEDGER", f'{{ url = "{URL}" }}', f'{{ url = "{LEFT}" }}'),
        ("DATABASE_URL", "postgresql://bo:hush@other.example/x", None),
        ("PGPASSWORD", "hush", None),
        ("DB_PASS", "hush", None),
    ],
)
def test_the_password_of_a_shared_store_is_found_wherever_it_stands(
    name: str, text: str, left: str | None
) -> None:
    """A setting of corvus leads the command to the same store, where it is not let in."""
    others = {"HOME": "/hush", "PGPASSFILE": "/p", "CORVUS_COST__ENABLED": "true", "A": "b:hush"}
    assert store_passwords(URL, {**others, name: text}) == {name: left}


def test_the_password_that_the_client_would_find_is_that_of_the_store() -> None:
    environment = {"PGPASSWORD": "a b", "X": "a b", "Y": "postgresql://u:a%20b@h/d"}
    assert store_passwords(LEFT, environment) == dict.fromkeys(environment)
    assert store_passwords(URL, environment) == {}
    assert store_passwords(LEFT, {"PGPASSFILE": "/p", "PGPASSWORD": ""}) == {}
