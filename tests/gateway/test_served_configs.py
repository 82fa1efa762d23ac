"""What a check accepts is served, and what the gateway refuses a check refuses (CFG-8, CFG-11)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from corvus.base.errors import GatewayRefused
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.config.check.check import check_text
from corvus.gateway.serve import bind
from tests.cli.places import Place

_UPSTREAM = '[governance.upstreams.main]\nkind = "openai"\nbase_url = "{}"\n'
_GATEWAY = "[governance.gateway]\n{}\n"
_TWO = _UPSTREAM + _UPSTREAM.replace("main", "spare")
REFUSED = {
    "plain http": _UPSTREAM.format("http://api.example.com/v1"),
    "query": _UPSTREAM.format("https://api.example.com/v1?a=1"),
    "fragment": _UPSTREAM.format("https://api.example.com/v1#a"),
    "user": _UPSTREAM.format("https://me:word@api.example.com/v1"),
    "link-local": _UPSTREAM.format("https://169.254.169.254/v1"),
    "link-local v6": _UPSTREAM.format("https://[fe80::1]/v1"),
    "bad port": _UPSTREAM.format("https://api.example.com:99999/v1"),
    "wordy port": _UPSTREAM.format("https://api.example.com:https/v1"),
    "broken v6": _UPSTREAM.format("https://[::1/v1"),
    "two of a kind": _TWO.format("https://a.example.com", "https://b.example.com"),
    "words": _GATEWAY.format('host = "not a host"'),
    "url": _GATEWAY.format('host = "http://127.0.0.1"'),
    "host and port": _GATEWAY.format('host = "127.0.0.1:80"'),
    "no address": _GATEWAY.format('host = "999.1.1.1"'),
    "served url": _GATEWAY.format('allowed_hosts = ["http://gateway.example.com"]'),
    "any host": _GATEWAY.format('allowed_hosts = ["*"]'),
    "no origin": _GATEWAY.format('allowed_origins = ["not-an-origin"]'),
    "any origin": _GATEWAY.format('allowed_origins = ["*"]'),
    "origin with a path": _GATEWAY.format('allowed_origins = ["https://ops.example.com/x"]'),
    "shared store": '[governance.ledger]\nurl = "postgresql://db.example.com/x?options=-c"\n',
}
SERVED = {
    "loopback": _GATEWAY.format('host = "127.0.0.1"'),
    "loopback name": _GATEWAY.format('host = "localhost"'),
    "hosts and origins": _GATEWAY.format(
        'allowed_hosts = ["Gateway.example.com", "2001:db8::1"]\n'
        'allowed_origins = ["https://ops.example.com", "chrome-extension://abc"]'
    ),
    "own machine": _UPSTREAM.format("http://127.0.0.1:11434/v1"),
    "provider": _UPSTREAM.format("https://api.example.com:8443/v1/"),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=[*REFUSED])
def test_what_the_gateway_refuses_has_a_place_in_the_file(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "corvus.toml"
    file.write_text(text)
    found = check_text(text.encode(), str(file)).diagnostics
    assert found
    assert all(one.is_error and one.span is not None for one in found)
    assert main(["gateway", "--config", str(file), "--port", "0"]) == Exit.USAGE
    said = capsys.readouterr().err
    for one in found:
        assert one.span is not None
        place = f"{file}:{one.span.start.line}:{one.span.start.column}: error[{one.code}]"
        assert place in said


@pytest.mark.parametrize("text", SERVED.values(), ids=[*SERVED])
def test_what_a_check_accepts_is_served(text: str, tmp_path: Path) -> None:
    file = tmp_path / "corvus.toml"
    file.write_text(text)
    assert check_text(text.encode(), str(file)).diagnostics == ()
    command = [sys.executable, "-m", "corvus", "gateway", "--port", "0", "--config", str(file)]
    command += ["--ledger", str(tmp_path / "l.duckdb")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.terminate()
        process.stderr.read()
    assert line.startswith("listening on http://")


def test_a_host_that_is_none_is_refused_as_such_on_the_command_line(tmp_path: Path) -> None:
    """No token is wanted for an address that nobody can listen on."""
    runtime = Place(tmp_path).runtime
    with pytest.raises(GatewayRefused, match="looks like an IP address and is none"):
        bind(runtime, "999.1.1.1", 0)


def test_an_upstream_without_its_key_is_named_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "corvus.toml"
    key = 'api_key_env = "NO_SUCH_KEY"\n'
    file.write_text(_UPSTREAM.format("https://api.example.com/v1") + key)
    command = [sys.executable, "-m", "corvus", "gateway", "--port", "0", "--config", str(file)]
    command += ["--ledger", str(tmp_path / "l.duckdb")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(4)]
        process.terminate()
        process.stderr.read()
    assert "warning: NO_SUCH_KEY is not set: calls to main will be refused\n" in lines
