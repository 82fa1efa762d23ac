"""What is replaced in the answers of surfaces (tools.surfaces.normal)."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from tools.checkout import checkout_at
from tools.surfaces.frozen import find
from tools.surfaces.normal import NOON, normalise
from tools.surfaces.stage import Stage


def new_id(number: int) -> str:
    text = f"{int(NOON.timestamp()) * 1000:012x}"
    return f"{text[:8]}-{text[8:]}-7000-8000-{number:012x}"


def test_ids_of_the_recording_become_numbers_and_those_of_inputs_stay() -> None:
    older = "01970000-0000-7000-8000-000000000001"
    text = f"{new_id(2)} {new_id(1)} {new_id(2)} {older}"
    assert normalise(text) == f"<id-1> <id-2> <id-1> {older}"


def test_ports_tokens_and_dates_of_responses_are_replaced() -> None:
    text = f"cvk_{'x' * 43}\nhttp://127.0.0.1:40123/v1\ndate: Fri, 20 Nov 2026 12:00:00 GMT\n"
    assert normalise(text) == "<token-1>\nhttp://127.0.0.1:<port>/v1\ndate: <date>\n"


def test_amounts_instants_and_hashes_stay() -> None:
    text = "0.1800 2026-11-20T12:00:05+00:00 sha256:1e9e6b7d64eb9a44e05cdb2252eb1259\n"
    assert normalise(text) == text


def test_progress_is_left_out_and_what_stands_below_it_stays() -> None:
    text = "\r\x1b[2Kreading 1/9\r\x1b[2Kreading 9/9\n9 read\n"
    assert normalise(text) == "\r\x1b[2K<progress>\n9 read\n"


def test_hashes_of_prices_and_policies_stay_and_those_of_rows_are_numbered() -> None:
    text = f"price_book_sha256={'a' * 64} sha256:{'b' * 64} hash={'c' * 64}\n"
    assert normalise(text) == text.replace("c" * 64, "<hash-1>")


def test_a_class_is_found_by_its_name_in_whichever_module_defines_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, member in (("house.a", "x"), ("house.b", "wanted")):
        module = ModuleType(name)
        vars(module)["Action"] = type("Action", (), {"__module__": name, member: 1})
        monkeypatch.setitem(sys.modules, name, module)
    assert find("house", "Action").__module__ == "house.a"
    assert find("house", "Action", "wanted").__module__ == "house.b"
    with pytest.raises(LookupError, match="defines Missing"):
        find("house", "Missing")


def test_a_text_is_recorded_under_one_name_once(tmp_path: Path) -> None:
    stage = Stage(checkout_at(), tmp_path / "place", tmp_path / "record")
    stage.note("a/b", f"made {new_id(7)}\n\n")
    assert (tmp_path / "record/a/b.txt").read_text() == "made <id-1>\n"
    with pytest.raises(AssertionError, match="recorded twice"):
        stage.note("a/b", "again")
