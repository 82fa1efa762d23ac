"""``corvus prices check``: own prices against the book (PRC-10)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main

Capture = pytest.CaptureFixture[str]
HEAD = "[cost]\nenabled = true\n"


def check(tmp_path: Path, text: str, *words: str) -> int:
    path = tmp_path / "corvus.toml"
    path.write_text(HEAD + text)
    return main(["prices", "check", str(path), *words])


def test_a_price_of_another_unit_is_an_error(tmp_path: Path, capsys: Capture) -> None:
    text = '[cost.prices."gpt-4o"]\ninput = 2500\noutput = 10\n'
    assert check(tmp_path, text, "--format", "json") == Exit.FINDINGS
    first, *_ = json.loads(capsys.readouterr().out)["remarks"]
    assert (first["level"], first["kind"], first["rate"]) == ("error", "unit", "input")
    assert (first["own_usd"], first["book_usd"]) == ("2500", "2.5")


@pytest.mark.parametrize(
    ("price", "kind"),
    [
        ('"gpt-4o"]\ninput = 2.6\noutput = 10\ncache_read = 1.25\nweb_search = 0.01', "different"),
        ('"gpt-4o"]\ninput = 2.5\noutput = 10', "lacking"),
        ('"acme/house"]\ninput = 2.5\noutput = 10', "unlisted"),
        ('"gpt-4o"]\ninput = 2.5\noutput = 10\neffective_from = 2999-01-01', "future"),
        ('"gpt-4"]\ninput = 30\noutput = 60', "equal"),
    ],
)
def test_what_is_for_the_author_to_judge_exits_with_0(
    price: str, kind: str, tmp_path: Path, capsys: Capture
) -> None:
    assert check(tmp_path, f"[cost.prices.{price}\n", "--format", "json") == Exit.CLEAN
    kinds = [remark["kind"] for remark in json.loads(capsys.readouterr().out)["remarks"]]
    assert kind in kinds


def test_a_config_without_prices_has_nothing_to_say(tmp_path: Path, capsys: Capture) -> None:
    assert check(tmp_path, "", "--format", "text") == Exit.CLEAN
    assert capsys.readouterr().out.startswith("nothing to say of 0 own prices")


def test_a_config_with_errors_is_refused_as_everywhere(tmp_path: Path, capsys: Capture) -> None:
    text = "[cost.prices]\na = { input = 1, output = 1, aliases = ['b'] }\n"
    text += "b = { input = 2, output = 2 }\n"
    assert check(tmp_path, text) == Exit.USAGE
    assert "mean the same model" in capsys.readouterr().err


def test_kv_has_a_line_for_each_remark(tmp_path: Path, capsys: Capture) -> None:
    assert check(tmp_path, '[cost.prices."acme/x"]\ninput = 1\noutput = 1\n') == Exit.CLEAN
    assert "level=note kind=unlisted price=acme/x" in capsys.readouterr().out
