"""The examples of ``docs/sessions.md`` do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from corvus import open_runtime
from corvus.gateway.proxy.clients import CLIENTS, Client

GUIDE = (Path(__file__).parents[1] / "docs" / "sessions.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_the_config_can_be_used(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    (tmp_path / "corvus.toml").write_text(text)
    policy = open_runtime([tmp_path / "corvus.toml"]).policy
    assert [budget.per for budget in policy.budgets[-2:]] == [("token",), ("subagent",)]


@pytest.mark.parametrize("client", CLIENTS, ids=[client.name for client in CLIENTS])
def test_the_headers_of_each_client_are_those_that_are_read(client: Client) -> None:
    names = (client.sessions[0], client.subagent, client.parent)
    assert all(f"`{name.decode()}`" in GUIDE.lower() for name in names)
