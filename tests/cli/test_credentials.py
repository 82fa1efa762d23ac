"""A governed command gets no key that would pay for calls beyond its budgets (CLI-4)."""

from __future__ import annotations

import pytest

from corvus.cli.agents.child import environment_of
from corvus.cli.credentials import withheld
from corvus.model.gateway import Kind, Upstream

UPSTREAM = Upstream("x", "https://x.example", Kind.OPENAI, "X_KEY")
HARMLESS = {
    "HOME": "/h",
    "AWS_REGION": "eu-west-1",
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
    ],
)
def test_a_key_of_a_provider_is_withheld_unless_it_is_passed_on_by_name(name: str) -> None:
    environment = {**HARMLESS, name: "secret"}
    assert given(environment) == HARMLESS
    assert given(environment, passed=(name,)) == environment


def test_a_log_in_of_the_command_stays_with_it_and_other_keys_do_not() -> None:
    own = {"OPENAI_API_KEY": "a", "ANTHROPIC_AUTH_TOKEN": "b", "CLAUDE_CODE_OAUTH_TOKEN": "c"}
    environment = {**HARMLESS, **own, "GEMINI_API_KEY": "d", "X_KEY": "e"}
    assert given(environment, keeps_log_in=True) == HARMLESS | own


def test_both_sdks_get_the_key_and_the_address_of_the_run() -> None:
    base = {"OPENAI_API_BASE": "https://api.openai.com/v1", "no_proxy": "example.org"}
    found = environment_of(base, "http://127.0.0.1:9", "k", session_id="s", run_id="r")
    assert found == {
        "OPENAI_API_KEY": "k",
        "ANTHROPIC_API_KEY": "k",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "OPENAI_API_BASE": "http://127.0.0.1:9/v1",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "CORVUS_SESSION_ID": "s",
        "CORVUS_RUN": "r",
        "no_proxy": "example.org,127.0.0.1,localhost",
        "NO_PROXY": "127.0.0.1,localhost",
    }
