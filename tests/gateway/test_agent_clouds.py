"""A run signs for AWS with credentials that its command does not get (CLI-4, PRX-5)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.gateway.provider import Call, Provider

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 5

[cost.prices.m]
input = 1
output = 10

[governance.upstreams.aws]
kind = "bedrock"
region = "us-east-1"
base_url = "{url}"
"""
SCRIPT = """
import boto3, os
client = boto3.client("bedrock-runtime")
said = [{"role": "user", "content": [{"text": "x"}]}]
answer = client.converse(modelId="m", messages=said, inferenceConfig={"maxTokens": 5})
print(answer["output"]["message"]["content"][0]["text"])
print("AKID-" in str(dict(os.environ)))
"""
REAL = {"AWS_ACCESS_KEY_ID": "AKID-real", "AWS_SECRET_ACCESS_KEY": "real-secret"}


async def converse(call: Call) -> None:
    message = {"role": "assistant", "content": [{"text": "Hi"}]}
    usage = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
    await call.answer({"output": {"message": message}, "stopReason": "end_turn", "usage": usage})


def test_boto3_is_led_to_the_proxy_which_signs_with_the_real_key(tmp_path: Path) -> None:
    provider = Provider()
    provider.script = converse
    (tmp_path / "corvus.toml").write_text(CONFIG.format(url=provider.url))
    where = ["--config", str(tmp_path / "corvus.toml"), "--ledger", str(tmp_path / "l.duckdb")]
    kept = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-m", "corvus", "agent", *where, "--", sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=90,
        env={**kept, **REAL, "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"},
        check=False,
    )
    provider.stop()
    assert (done.returncode, done.stdout) == (0, "Hi\nFalse\n"), done.stderr
    assert "request_count=1" in done.stderr
    (call,) = provider.calls
    assert "Credential=AKID-real/" in (call.header("authorization") or "")
