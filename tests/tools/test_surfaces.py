"""What is replaced in the answers of surfaces (tools.surfaces.normal)."""

from __future__ import annotations

from tools.surfaces.normal import NOON, normalise


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
