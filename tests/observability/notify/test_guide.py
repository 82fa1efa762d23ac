"""The guide to notifications does what it says."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from corvus.base.time import SystemClock
from corvus.cli.main import main
from corvus.model.notify import NotifyTarget, Topic
from corvus.observability.notify.message import Message
from corvus.observability.notify.senders import sender_of
from corvus.runtime import open_runtime
from tests.observability.notify.test_delivery import comes
from tests.observability.notify.test_senders import SECRET

GUIDE = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text(encoding="utf-8")
TOML, PYTHON = (
    re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    for language in ("toml", "python")
)


def test_its_configs_are_valid(tmp_path: Path) -> None:
    config = tmp_path / "corvus.toml"
    config.write_text("\n".join(TOML))
    assert main(["check", str(config)]) == 0
    runtime = open_runtime([config], ledger=tmp_path / "l.duckdb")
    assert [target.name for target in runtime.notify] == ["team-channel", "approvers", "ops"]


def test_it_lists_every_event_and_every_key() -> None:
    assert re.findall(r"^\| `(\w+)` \| .* \| .* \|$", GUIDE, re.MULTILINE) == [*Topic]
    keys = set(re.findall(r"^\| `(\w+)` \| [^|]* \|$", GUIDE, re.MULTILINE))
    assert keys == set(NotifyTarget.__dataclass_fields__)


def test_its_receiver_takes_what_we_sign_once_and_refuses_the_rest(tmp_path: Path) -> None:
    (program,) = PYTHON
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {**os.environ, "OPS_WEBHOOK_SECRET": SECRET, "PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        target = NotifyTarget("ops", f"http://127.0.0.1:{port}", secret_env="OPS_WEBHOOK_SECRET")

        def send(message_id: str, title: str, secret: str = SECRET) -> str:
            at = "2026-11-25T12:00:00+00:00"
            message = Message(message_id, "budget.threshold", at, "thresholds", title, "", {})
            sender = sender_of(target, {"OPS_WEBHOOK_SECRET": secret}, SystemClock())
            return sender.send(message).detail

        assert comes(lambda: send("msg_0", "ready") == "HTTP 204")
        assert send("msg_1", "Budget day reached 80 %") == "HTTP 204"
        assert send("msg_1", "Budget day reached 80 %") == "HTTP 204"
        assert send("msg_2", "forged", f"whsec_{'A' * 43}=") == "HTTP 401"
    finally:
        process.kill()
        out, _ = process.communicate()
    assert out.splitlines() == ["ready", "Budget day reached 80 %"]
