from __future__ import annotations

import json

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.model.token import find_token
from tests.cli.places import Place


@pytest.fixture(autouse=True)
def _store(place: Place) -> None:
    place.make_store()


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


def test_a_rotated_token_keeps_its_name_and_bindings_and_the_old_one_is_refused(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--scope", "proxy", "--user", "ana", "--project", "checkout", "--upstream", "openai")
    old = answer(capsys, "token", "create", "laptop", *words, *place.where)
    new = answer(capsys, "token", "rotate", "laptop", *place.where)
    assert new["token"] != old["token"]
    assert new["token_id"] != old["token_id"]
    named = ("name", "scope", "user", "project", "upstream")
    assert [new[name] for name in named] == [old[name] for name in named]
    with place.runtime.bookkeeping.store() as store:
        known = store.run(lambda unit: [*unit.tokens().values()])
    assert find_token(known, old["token"]) is None
    found = find_token(known, new["token"])
    assert found is not None
    assert found.user == "ana"
    kinds = [event.kind for event in place.runtime.audit(9)]
    assert kinds == ["token_created", "token_revoked", "token_created"]
    assert main(["token", "rotate", "nobody", *place.where]) == Exit.USAGE
    assert "no good token 'nobody'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 1001])
def test_a_name_that_no_log_could_show_is_refused(place: Place, name: str) -> None:
    assert main(["token", "create", name, *place.where]) == Exit.USAGE


@pytest.mark.parametrize(("upstream", "is_known"), [("openai", True), ("opneai", False)])
def test_an_upstream_that_the_config_lacks_is_a_warning(
    upstream: str, is_known: bool, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another host may have it, so the token is made all the same."""
    text = place.config.read_text()
    place.config.write_text(f'{text}[governance.upstreams.openai]\nkind = "openai"\n')
    words = ("token", "create", "ci", "--scope", "proxy", "--upstream", upstream)
    assert place.run(*words) == Exit.CLEAN
    said = capsys.readouterr().err
    assert ("has no upstream 'opneai', but openai" in said) is not is_known
