"""Advice on broken syntax knows the type of the key, in the words of ``config set``."""

from __future__ import annotations

import pytest

from corvus.config.check.check import Options, check_text

CASES = [
    ("[cost]\ndaily_limit_usd = $10", "Write 10."),
    ("[cost]\ndaily_limit_usd = 10 USD", "Write 10."),
    ("[cost]\ndaily_limit_usd = 10,5", "Write 10.5."),
    ("[cost]\ndaily_limit_usd = .5", "Write 0.5."),
    ("[cost]\ndaily_limit_usd = 010", "Write 10."),
    ("[cost]\ndaily_limit_usd: 5", "Write `daily_limit_usd = 5`, with `=` instead of `:`."),
    ("[cost]\nwarn_at_percent = 80%", "Write 80."),
    ("[cost]\ndaily_limit_usd = €10", "Amounts are in USD: convert the number."),
    ("[cost]\ndaily_limit_usd = 1000 JPY", "Amounts are in USD: convert the number."),
    ("[cost]\ndaily_limit_usd = 10 // a day", "A comment begins with `#`."),
    ("[cost]\nenabled = true -- yes", "A comment begins with `#`."),
    ("[cost]\nwait_seconds = 5m", "Write 300."),
    ("[cost]\nenabled = yes", "Write true."),
    ("[cost]\nenabled = True", "Write true."),
    ("[cost]\nenabled = flase", "Write false."),
    ("[cost]\nenabled: true", "Write `enabled = true`, with `=` instead of `:`."),
    ("[cost]\nenabled", "Write `enabled = true` or `enabled = false`."),
    ("[autonomy]\nmax_actions_per_hour = 1,000", "Write 1000."),
    ("[autonomy]\nmax_actions_per_hour = unlimited", "Write a whole number."),
    ("[autonomy]\nlevel = full", 'Write "full".'),
    ("[autonomy]\nlevel = Full", 'Write "full".'),
    ("[autonomy]\nlevel full", 'Write `level = "full"`.'),
    ("[autonomy]\nlevel = none", 'It is one of "readonly", "supervised", "full".'),
]


@pytest.mark.parametrize(("text", "advice"), CASES)
def test_the_advice_is_the_value_that_the_key_takes(text: str, advice: str) -> None:
    (only,) = check_text(text.encode(), "corvus.toml", Options()).diagnostics
    assert only.code == "syntax-error"
    assert only.help[0] == advice


@pytest.mark.parametrize(
    "text",
    [
        "[cost]\ndaily_limit_usd = 1,000",  # a thousand, or one
        "[x]\ny = $10",
        "[cost]\nprices = abc",
        "daily_limit_usd = ] 5",
    ],
)
def test_what_cannot_be_known_is_not_advised(text: str) -> None:
    found = check_text(text.encode(), "corvus.toml", Options()).diagnostics
    known = {"Write 1.", "Write 1000.", "Write 10.", "Write 5."}
    assert not known & {advice for one in found for advice in one.help}
