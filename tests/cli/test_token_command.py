from __future__ import annotations

import json

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main
from tests.cli.places import Place


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    assert main([*words, "--format", "json"]) == Exit.CLEAN
    return json.loads(capsys.readouterr().out)


def test_a_token_is_shown_once_and_kept_hashed(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """API-5."""
    made = answer(capsys, "token", "create", "ci", "--scope", "admin", *place.where)
    secret = made["token"]
    assert secret.startswith("cvk_")
    assert main(["token", "list", *place.where]) == Exit.CLEAN
    assert f"token_id={made['token_id']} name=ci scope=admin" in (out := capsys.readouterr().out)
    assert secret not in out
    kept = b"".join(one.read_bytes() for one in place.store.parent.iterdir() if one.is_file())
    assert b"ci" in kept
    assert secret.encode() not in kept


def test_making_and_revoking_are_audited_without_the_token(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """AUD-1."""
    made = answer(capsys, "token", "create", "ci", *place.where)
    answer(capsys, "token", "revoke", "ci", *place.where)
    first, second = place.runtime.audit(9)
    assert [first.kind, second.kind] == ["token_created", "token_revoked"]
    assert made["token_id"] in str(first.details)
    assert made["token"] not in f"{first} {second}"


def test_a_name_is_taken_until_its_token_is_revoked(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    create = ["token", "create", "ci", *place.where]
    assert main(create) == Exit.CLEAN
    assert main(create) == Exit.USAGE
    assert "there is a token 'ci' already" in capsys.readouterr().err
    assert main(["token", "revoke", "ci", *place.where]) == Exit.CLEAN
    assert main(create) == Exit.CLEAN
    assert main(["token", "revoke", "nobody", *place.where]) == Exit.USAGE


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 1001])
def test_a_name_that_no_log_could_show_is_refused(place: Place, name: str) -> None:
    assert main(["token", "create", name, *place.where]) == Exit.USAGE
