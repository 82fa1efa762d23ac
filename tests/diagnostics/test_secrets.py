"""No output repeats what may be a secret, be it by its name or by its shape."""

from __future__ import annotations

import json
import time

import pytest

from corvus.config.check.check import Options, check_paths
from corvus.config.check.subject import PriceFacts
from corvus.diagnostics.formats.json import as_json
from corvus.diagnostics.formats.text import concise, render
from corvus.diagnostics.secrets import looks_secret, secret_ranges

CANARY = "hunter2-canary-Zq9"
NAMED = [
    'api_key = "{}"',
    '"api key.token = {}" = 1',
    'api_key =\n "\n{}"',
    'api_key = \n"{}"=',
    'api_key .= "{}"',
    ".password = {}",
    "'''api_key = \"{}",
    'api_key\r\n = "{}"',
    '=api_key = ]"{}"',
    "api_key = {}",
    "api_key = '{}",
    'api_key = "{}" "again"',
    "api_key =\n{}",
    'api key = "{}"',
    'api_key: "{}"',
    'api_key "{}"',
    'pass = "{}"',
    'pwd = "{}"',
    'db-pass = "{}"',
    'auth = "{}"',
    'mnemonic = "{} {} {}"',
    'webhook_url = "https://example.org/{}"',
    'headers = {{ Authorization = "Bearer {}", x = 1, x = 2 }}',
    'tokens = ["{}", "{}",, ]',
    'secret = """\n{}\n""" 1',
    'credentials.password = "{}"\ncredentials.password = "{}"',
    'key = "{}"',
    'accessKey = "{}"',
    'dsn = "postgresql://u:{}@host/db"',
    '[secrets]\nplain = "{}"\nplain = 1',
    "api_key = 2026-13-45{}",
    'api_key = "\\q{}"',
    'url = "https://host/?token={}"',
    'base_url = "https://user:pa/ss{}@host"',
    'base_url = "https://user:p@ss/{}@host"',
    '[governance.upstreams.a]\nbase_url = "ftp://user:{}@host"\napi_key_env = "{} x"\nkind = "x"',
]
SHAPED = [
    "sk-ant-api03-{}",
    "sk_live_{}",
    "ghp_{}",
    "AKIA{}",
    "xoxb-{}",
    "hf_{}",
    "gsk_{}",
    "eyJ{}.eyJ",
    "https://hooks.slack.com/services/T0/B0/{}",
    "https://user:{}@example.org/",
    "Bearer {}",
    "123456789:{}-and-more-that-makes-thirty",
]
PLACES = [
    'default_provider = "{}"\n[cost]\nenabled = true',
    'default_model = "{}"\n[cost]\nenabled = true',
    '[cost]\nwarn_at_percent = "{}"',
    '[cost]\nunpriced_models = "{}"',
    '[cost]\n"{}" = 1',
    '["{}"]\na = 1',
    '[cost.prices."{}"]\ninput = 1',
    '[[cost.budgets]]\nname = "{}"\nperiod = "{}"\nlimit_usd = 1',
    "note = {}",
    "{}",
    "[cost]\n{} = 1",
    'a = ["{}" "{}"]',
]


def _no_price(_model: str) -> bool:
    return False


def _no_clashes(_prices: object) -> tuple[()]:
    return ()


def _outputs(text: str, dialect: str = "auto") -> str:
    checked = check_paths(
        ["-"], Options(dialect, text.encode, facts=PriceFacts(_no_price, _no_clashes))
    )
    found = checked.diagnostics
    sources = {file.shown: file.text for file in checked.files if file.text is not None}
    return "\n".join(
        (concise(found), json.dumps(as_json(found)), render(found, sources, colour=False))
    )


@pytest.mark.parametrize("dialect", ["native", "corvus", "zeroclaw"])
def test_what_a_name_calls_a_secret_appears_in_no_output(dialect: str) -> None:
    for document in NAMED:
        text = document.format(*[CANARY] * document.count("{}"))
        shown = _outputs(text + "\nunknown_key = 1\n", dialect)
        assert "error[" in shown or "warning[" in shown, text
        assert CANARY not in shown, text
        assert CANARY[:8] not in shown, text


@pytest.mark.parametrize("shape", SHAPED)
def test_what_looks_like_a_secret_appears_in_no_output(shape: str) -> None:
    canary = CANARY.replace("-", "")
    secret = shape.format(canary)
    for place in PLACES:
        text = place.format(*[secret] * place.count("{}")) + "\n[cost.unknown]\nx = 1\n"
        shown = _outputs(text)
        assert "[" in shown, text
        assert canary not in shown, text


@pytest.mark.parametrize(
    "key",
    ["max_tokens", "input_tokens", "api_key_env", "key_file", "token_type", "cost", "passive"],
)
def test_counts_and_names_of_secrets_are_shown(key: str) -> None:
    assert not looks_secret(key)


def test_a_number_is_no_secret() -> None:
    text = "[cost]\ntoken = 17\n"
    assert secret_ranges(text) == []


def test_a_variable_name_is_shown_but_a_key_in_its_place_is_not() -> None:
    assert secret_ranges('api_key_env = "OPENAI_API_KEY"\n') == []
    pasted = 'api_key_env = "my-own-key"\n'
    assert [pasted[a:b] for a, b in secret_ranges(pasted)] == ["my-own-key"]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('url = "postgresql://u:pw@host/x"', ["u:pw"]),
        ('url = "postgresql://u:p/w@host/x"', ["u:p/w"]),
        ('url = "postgresql://u:p@w@host/x"', ["u:p@w"]),
        ('url = "https://host/a"  # me@example.org', []),
    ],
)
def test_the_credentials_of_a_url_are_hidden_whatever_they_hold(
    text: str, hidden: list[str]
) -> None:
    assert [text[start:end] for start, end in secret_ranges(text)] == hidden


HOSTILE = {
    "dashes": "a-",
    "colons": "://a:",
    "slashes": "://",
    "names": "a_env",
    "words": "x y ",
    "openings": "-----BEGIN ",
    "open keys": "key =\n",
    "open strings": 'key = """\n\\"""\n',
    "digits": "1",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_costs_linear_time(name: str) -> None:
    def seconds(size: int) -> float:
        text = (HOSTILE[name] * (size // len(HOSTILE[name]) + 1))[:size]
        start = time.process_time()
        secret_ranges(text)
        return time.process_time() - start

    half, whole = seconds(2**16), seconds(2**17)
    assert whole < 4 * half + 0.2


def test_a_word_of_ours_that_stands_in_a_secret_is_shown() -> None:
    text = (
        'api_key = "zeroclaw-key-deprecated-runtime"\n[gateway]\n[storage]\n'
        "[autonomy]\nmax_cost_per_day_cents = 5\n"
    )
    shown = _outputs(text)
    assert "is left to the zeroclaw runtime" in shown
    assert "zeroclaw-key" not in shown
