"""The real Claude Code signs in at the gateway, and is under the budgets of a token (PRX-8)."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from corvus.governor import tokens
from tests.fakes import NO_AUTHORITIES
from tests.gateway.looping import Looping
from tests.gateway.proxied import Proxied
from tests.gateway.real_agents import installed
from tests.gateway.signin.terminal import Claude

pytestmark = pytest.mark.nightly
CODE = "[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}"


def test_claude_code_logs_in_makes_calls_and_is_put_out(gateway: Proxied, tmp_path: Path) -> None:
    programs = installed(tmp_path / "agents")
    gateway.provider.script = Looping(1)
    claude = Claude(programs["claude"], tmp_path, gateway.url)
    terminal = claude.open()
    try:
        terminal.wait_for("Run/login")
        terminal.press("/login")
        terminal.press("\r")
        terminal.wait_for("PressEntertoconnect")
        terminal.press("\r")
        terminal.wait_for("Yes,trustthisgateway")
        terminal.press("1")
        code = terminal.wait_for(CODE)
        form = {"user_code": code, "token": gateway.secret, "decision": "approve"}
        with httpx2.Client(trust_env=False, verify=NO_AUTHORITIES) as browser:
            assert browser.post(f"{gateway.url}/device", data=form).status_code == 200
        terminal.wait_for("ConnectedtoCloudgateway")
    finally:
        terminal.close()
    done = claude.run_once("-p", "Say turn", "--model", "claude-sonnet-4-5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {record.surface for record in gateway.records()} == {"proxy"}
    keys = {dict(call.headers).get("x-api-key") for call in gateway.provider.calls}
    assert len(keys) == 1, "the provider sees its own key alone"
    with gateway.runtime.bookkeeping.store() as store:
        store.run(lambda unit: tokens.revoke(unit, "bot", "ana"))
    refused = claude.run_once("-p", "Say turn", "--model", "claude-sonnet-4-5")
    assert refused.returncode != 0
