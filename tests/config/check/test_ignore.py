"""Comments that ignore a diagnostic: where they count, and that none is without effect unsaid."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.cli.check import price_clashes
from corvus.config.check.check import Options, check_paths, check_text
from corvus.config.check.codes import CODES
from corvus.config.check.ignore import ignores, may_ignore
from corvus.config.check.subject import PriceFacts
from corvus.config.layers.load import load
from corvus.config.toml.document import read_document
from corvus.diagnostics.codes import Severity

BECAUSE = "it is read by our own tool"


def unpriced(_model: str) -> bool:
    return False


def codes(text: str) -> list[str]:
    run = check_paths(["-"], Options(stdin=text.encode, facts=PriceFacts(unpriced, price_clashes)))
    return [diagnostic.code for diagnostic in run.diagnostics]


def messages(text: str) -> str:
    run = check_paths(["-"], Options(stdin=text.encode))
    return "\n".join(" ".join((one.message, *one.help)) for one in run.diagnostics)


@pytest.mark.parametrize(
    "text",
    [
        f"[cost]\nours = 1 # corvus: ignore[unknown-key] {BECAUSE}\n",
        f"[cost]\n# corvus: ignore[unknown-key] {BECAUSE}\nours = 1\n",
        f"[cost]\n  # corvus: ignore[unknown-key] {BECAUSE}\n# more\nours = 1\n",
        f"[cost]\nours = 1 #corvus:ignore [ unknown-key ] - {BECAUSE}\r\n",
        f"[cost]\nours = 1 # see below # corvus: ignore[unknown-key] {BECAUSE}",
        f"# corvus: ignore-file[unknown-key] {BECAUSE}\n[cost]\nours = 1\nmore = 2\n[other]\n",
        f"[cost]\nours = [ # corvus: ignore[unknown-key] {BECAUSE}\n  1,\n]\n",
        f'[cost]\n# corvus: ignore[unknown-key] {BECAUSE}\nours = """\na\n"""\n',
        f"cost = {{ ours = 1 }} # corvus: ignore[unknown-key] {BECAUSE}\n",
        f"[ours] # corvus: ignore[unknown-key] {BECAUSE}\na = 1\n[ours.b]\n",
        f"[cost]\nwarn_at_percent = 0 # corvus: ignore[extreme-threshold,unknown-key] {BECAUSE}\n",
    ],
)
def test_a_comment_at_the_line_or_above_it_counts(text: str) -> None:
    assert codes(text) in ([], ["unused-ignore"] if "threshold" in text else [])


@pytest.mark.parametrize(
    "text",
    [
        f"[cost]\n# corvus: ignore[unknown-key] {BECAUSE}\n\nours = 1\n",
        f"[cost]\nours = 1\n# corvus: ignore[unknown-key] {BECAUSE}\n",
        f"[cost]\nenabled = true # corvus: ignore[unknown-key] {BECAUSE}\nours = 1\n",
        f"[cost]\nours = [\n  1,\n] # corvus: ignore[unknown-key] {BECAUSE}\n",
        f"[cost]\nours = 1\n# corvus: ignore-file[unknown-key] {BECAUSE}\n",
    ],
)
def test_a_comment_elsewhere_does_not_count_and_is_told(text: str) -> None:
    assert sorted(codes(text)) == ["unknown-key", "unused-ignore"]


def test_a_hash_inside_a_string_or_a_key_is_no_comment() -> None:
    sign = f"# corvus: ignore[unknown-key] {BECAUSE}"
    assert codes(f'[cost]\nours = "{sign}"\n') == ["unknown-key"]
    assert codes(f"[cost]\n'{sign}' = 1\n") == ["unknown-key"]
    assert codes(f'[cost]\nours = """\n{sign}\n"""\n') == ["unknown-key"]
    assert codes(f"[cost.'{sign}']\n") == ["unknown-key"]


def test_only_the_named_code_is_ignored() -> None:
    text = f"[cost]\nwarn_at_percent = 100 # corvus: ignore[limit-never-binds] {BECAUSE}\n"
    assert codes(text) == ["extreme-threshold", "unused-ignore"]


@pytest.mark.parametrize(
    "reason",
    ["", "  ", " - ", " ...", " say why", " - Say  why!", " TODO", " <reason>"],
)
def test_without_a_reason_nothing_is_ignored(reason: str) -> None:
    text = f"[cost]\nours = 1 # corvus: ignore[unknown-key]{reason}\n"
    assert codes(text) == ["unknown-key", "ignore-without-reason"]


def test_a_misspelt_code_is_told_with_a_suggestion() -> None:
    text = f"[cost]\nours = 1 # corvus: ignore[unkown-key] {BECAUSE}\n"
    assert codes(text) == ["unknown-key", "ignore-unknown-code"]
    assert "Did you mean `unknown-key`?" in messages(text)


@pytest.mark.parametrize("written", ["ignore", "ignore[]", "ignore[ , ] x", "ignore-file"])
def test_a_comment_without_a_code_is_told(written: str) -> None:
    text = f"# corvus: {written}\n[cost]\n"
    assert codes(text) == ["ignore-unknown-code"]
    assert "this comment names no code" in messages(text)


def test_a_sentence_about_ignoring_is_no_comment_of_ours() -> None:
    assert codes("# corvus: ignores weekends\n# corvus: ignore the rest\n# corvus:\n") == []


@pytest.mark.parametrize("code", sorted(CODES))
def test_only_what_loading_accepts_may_be_ignored(code: str) -> None:
    is_error = CODES[code].severity is Severity.ERROR
    assert not (may_ignore(code) and is_error) or code == "unknown-key"
    if not may_ignore(code):
        text = f"# corvus: ignore-file[{code}] {BECAUSE}\n"
        assert codes(text) == ["ignore-refused"]


def test_an_error_that_cannot_be_ignored_stays() -> None:
    text = f"[cost]\nwarn_at_percent = 150 # corvus: ignore[out-of-range] {BECAUSE}\n"
    assert codes(text) == ["out-of-range", "ignore-refused"]


def test_a_file_that_is_not_toml_has_no_comments_that_count() -> None:
    text = f"# corvus: ignore-file[syntax-error] {BECAUSE}\na = yes\n"
    assert codes(text) == ["syntax-error"]


def test_loading_passes_over_the_same_key(tmp_path: Path) -> None:
    """A check that passed means a file that loads, with every other key in force."""
    path = tmp_path / "corvus.toml"
    path.write_text(
        f"[cost]\ndaily_limit_usd = 7\nours = 1 # corvus: ignore[unknown-key] {BECAUSE}\n"
        '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 7\n'
        f"other = 1 # corvus: ignore[unknown-key] {BECAUSE}\n"
    )
    loaded = load((path,))
    assert loaded.diagnostics == ()
    assert loaded.settings is not None
    assert int(loaded.settings.cost.daily_limit_usd) == 7
    assert [budget.name for budget in loaded.settings.cost.budgets] == ["a"]
    assert check_paths([str(path)]).diagnostics == ()


def test_an_ignored_misspelling_does_not_hide_the_missing_key() -> None:
    text = f'[cost.prices."m"]\ninput = 1\nouput = 2 # corvus: ignore[unknown-key] {BECAUSE}\n'
    assert codes(text) == ["missing-key"]


def test_each_of_layered_files_is_judged_by_its_own_comments(tmp_path: Path) -> None:
    lower, upper = tmp_path / "lower.toml", tmp_path / "upper.toml"
    lower.write_text(f"[cost]\nours = 1 # corvus: ignore[unknown-key] {BECAUSE}\n")
    upper.write_text("[cost]\nours = 1\n")
    found = load((lower, upper)).diagnostics
    assert {(Path(one.file).name, one.code) for one in found} == {("upper.toml", "unknown-key")}


def test_what_was_not_looked_for_is_not_called_unused(tmp_path: Path) -> None:
    path = tmp_path / "corvus.toml"
    path.write_text(
        f'default_model = "none" # corvus: ignore[unpriced-default-model] {BECAUSE}\n'
        "[gateway]\n[cost]\nenabled = true\n"
    )
    assert load((path,)).diagnostics == ()
    assert codes(path.read_text()) == []


pieces = st.sampled_from(
    [
        "a{} = 1", "a{} = '#'", 'a{} = "#\\"#"', "'#{}' = 1", "[t{}]", "['#{}']",
        "a{} = [ # c\n'#',\n# d\n]",
        'a{} = """\n# s\n"""', "a{} = '''#'''", "a{} = {{ b = '#', '#' = 1 }}", "# c{}", "",
    ]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.tuples(pieces, st.sampled_from(["", " # corvus: ignore[x{}] y"]))))
def test_exactly_the_comments_are_found(parts: list[tuple[str, str]]) -> None:
    """Each line gets a comment of its own or none; a sign in a string or a key is none."""
    lines = [
        (piece + comment).format(*(index,) * (piece + comment).count("{}"))
        for index, (piece, comment) in enumerate(parts)
    ]
    text = "\n".join(lines)
    tomllib.loads(text)
    document, _ = read_document(text.encode(), "corvus.toml")
    assert document is not None
    expected = [f"x{index}" for index, (_, comment) in enumerate(parts) if comment]
    assert [ignore.code for ignore in ignores(document)] == expected


def test_a_comment_is_not_called_unused_where_an_error_may_hide_its_finding() -> None:
    text = "[cost]\nwarn_at_percent = {} # corvus: ignore[extreme-threshold] paged by hand\n"
    for value, expected in ((100, []), (900, ["out-of-range"]), (80, ["unused-ignore"])):
        found = check_text(text.format(value).encode(), "a.toml").diagnostics
        assert [one.code for one in found] == expected
