"""What an excerpt shows of a line that holds a secret: its length, and nothing else."""

from __future__ import annotations

import pytest

from policy.config.mask import masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('url = "postgresql://u:pw@host/x"', 'url = "postgresql://****@host/x"'),
        ('url = "postgresql://u:p/w@host/x"', 'url = "postgresql://*****@host/x"'),
        ('url = "postgresql://u:p@w@host/x"', 'url = "postgresql://*****@host/x"'),
        ('api_key_env = "sk-1"', 'api_key_env = "****"'),
        ('api_key_env = "OPENAI_API_KEY"', 'api_key_env = "OPENAI_API_KEY"'),
        ('url = "https://host/a"  # me@example.org', 'url = "https://host/a"  # me@example.org'),
    ],
)
def test_a_secret_is_as_long_as_it_was_and_cannot_be_read(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, "_env" * 250_000, "://" * 300_000, ":a" * 400_000]
)
def test_a_long_line_without_a_secret_stays_and_takes_no_time(text: str) -> None:
    """The search was quadratic: a line of a megabyte took hours."""
    assert masked(text) == text
