"""The catalogue has the same keys and places for values in every language, and misses none."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from corvus.base.period import Period
from corvus.model.decision import BudgetState
from corvus.model.steering import AuditKind, MissionOutcome, SessionOutcome
from corvus.reporting.catalog import load_catalog
from corvus.wording.words import DEFAULT, FROM_HEADERS, LANGUAGES, language_of, load_words
from tests.wording.raised import sentences

NOT_ON_PAGES = {
    "no host {} has slices of this store; there is {}",
    "several hosts are called {}: name one by its id, {}",
    "host {} still renews: it may use what it has until {} UTC; end it, and it gives back what it "
    "does not need",
    "session {} already had a mission {}; resume it (resume=True), or choose another id",
    "session {} has {} missions",
    "{} has {} USD left to share, which is less than {} USD",
    "{} has nothing left to share",
    "a share of {} would be nothing",
    "mission {} has ended: it has nothing to share",
    "mission {} has its own share of {}",
    "mission {} has {} missions above it already",
    "{} has no limit to have a percentage of; name a share in USD",
    "there is a token {} already: revoke it, or take another name",
    "there is no good token {}: see `corvus token list`",
    "--reports-dir {} is no folder",
    "cannot read {}: {}",
    "history window must be greater than zero, got {} ({})",
    "history window is too large, got {} ({})",
}
"""No page starts a mission, reclaims slices of a host or reads other reports; tokens have their own
words there."""
ROOT = Path(__file__).parents[2] / "policy" / "corvus"
REPORTS = load_catalog().reports.values()

every_language = pytest.mark.parametrize("language", LANGUAGES)


def texts(language: str) -> dict[str, str]:
    return dict(load_words(language).texts)


def shared(language: str) -> dict[str, str]:
    return {key: text for key, text in texts(language).items() if not key.startswith(FROM_HEADERS)}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_the_catalogues_have_the_same_keys() -> None:
    assert len(LANGUAGES) > 1
    for language in LANGUAGES:
        assert shared(language).keys() == shared(DEFAULT).keys(), language


@every_language
def test_each_text_has_the_places_of_the_default(language: str) -> None:
    for key, text in shared(DEFAULT).items():
        assert places(shared(language)[key]) == places(text), key


@every_language
def test_what_counts_has_one_and_other(language: str) -> None:
    known = shared(language)
    for key in known:
        table, _, form = key.rpartition(".")
        if form in ("one", "other") and "{number}" in known[key]:
            assert {f"{table}.one", f"{table}.other"} <= known.keys(), key


def test_texts_are_translated() -> None:
    english, spanish = shared("en"), shared("es")
    own = {key: re.sub(r"\{.*?\}", "", text) for key, text in english.items()}
    same = {key for key in english if english[key] == spanish[key] and len(own[key]) > 8}
    assert same == set()


@every_language
def test_every_word_of_a_closed_set_is_there(language: str) -> None:
    words = load_words(language)
    keys = [
        *(f"state.{one.word}" for one in BudgetState),
        *(f"period.{one.value}" for one in Period),
        *(f"audit_kind.{one.value}" for one in AuditKind),
        *(f"outcome.{one.value}" for one in (*SessionOutcome, *MissionOutcome)),
    ]
    assert [key for key in keys if not words.has(key)] == []


@every_language
def test_every_column_and_parameter_of_a_report_is_there(language: str) -> None:
    words = load_words(language)
    columns = {
        f"column.{one.name.removesuffix('_nano_usd')}"
        for each in REPORTS
        for one in each.header.columns
    }
    parameters = {f"parameter.{one.name}" for each in REPORTS for one in each.header.parameters}
    assert {key for key in columns | parameters if not words.has(key)} == set()
    known = {key for key in texts(language) if key.startswith(("column.", "parameter."))}
    assert known == columns | parameters, "a word of nothing"


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != DEFAULT])
def test_every_report_is_told_in_other_languages(language: str) -> None:
    words = load_words(language)
    for each in REPORTS:
        assert words.has(f"report.{each.name}.title")
        assert words.has(f"report.{each.name}.summary")
        for one in each.header.parameters:
            assert words.has(f"parameter_hint.{one.name}")
    told = {key.split(".")[1] for key in texts(language) if key.startswith("report.")}
    assert told == {each.name for each in REPORTS}


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != DEFAULT])
def test_what_errors_say_on_pages_is_said_in_other_languages(language: str) -> None:
    """A new sentence of an error that a page may show has its words, or it is not shown there."""
    words = load_words(language)
    raised = sentences()
    assert len(raised) > 30
    missing = {text: where for text, where in raised.items() if not words.said(text)}
    assert {text: where for text, where in missing.items() if text not in NOT_ON_PAGES} == {}
    assert missing.keys() >= NOT_ON_PAGES, "a sentence of nothing"


def test_a_sentence_keeps_its_values_and_words_those_that_are_sentences() -> None:
    spanish = load_words("es")
    for sentence, said in (
        ("there is no session 'a{b}'", "no hay ninguna sesión 'a{b}'"),
        (
            "parameter rows must be a whole number, got 'x'",
            "Debe ser un número entero, no 'x'.",
        ),
        ("no such sentence", ""),
    ):
        assert spanish.said(sentence) == said
        assert load_words("en").said(sentence) == sentence


def asked_for() -> set[str]:
    """Return the keys that templates and modules ask for by name."""
    found: set[str] = set()
    for template in (ROOT / "gateway" / "pages" / "templates").glob("*.html"):
        found |= set(
            re.findall(
                r"""\bt(?:\.count|\.has)?\(["']([a-z_.]+[a-z_])["'] *[,)]""", template.read_text()
            )
        )
    for module in (ROOT / "gateway" / "pages").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                key, called = node.args[0].value, ast.unparse(node.func)
                if called.endswith(("words", "words.count")) and isinstance(key, str):
                    found.add(key)
    return found


def test_what_the_pages_ask_for_is_there() -> None:
    known = texts(DEFAULT).keys()
    asked = asked_for()
    assert len(asked) > 100
    assert {key for key in asked if key not in known and f"{key}.one" not in known} == set()


def test_a_key_that_is_not_there_is_an_error() -> None:
    words = load_words("en")
    with pytest.raises(KeyError):
        words("no.such.key")
    with pytest.raises(KeyError):
        words("reset.title")  # without its value


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 calls"), (1, "1 call"), (-1, "-1 call"), (2, "2 calls")]
)
def test_numbers_choose_their_form(number: int, text: str) -> None:
    assert load_words("en").count("unit.calls", number) == text


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ((None,), "en"),
        (("",), "en"),
        (("es",), "es"),
        (("es_MX.UTF-8",), "es"),
        (("C.UTF-8", "es"), "es"),
        (("fr, es;q=0.5, en;q=0.4",), "es"),
        (("en;q=0.1, es-419;q=0.9",), "es"),
        (("es;q=0",), "en"),
        (("es;q=nan",), "en"),
        (("es;q=2",), "en"),
        (("\x00,;;,=q,es",), "es"),
        ((None, "es", "en"), "es"),
    ],
)
def test_the_language_is_the_first_that_there_is(
    wanted: tuple[str | None, ...], language: str
) -> None:
    assert language_of(*wanted) == language
