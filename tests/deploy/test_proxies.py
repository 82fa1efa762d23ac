"""Caddy and nginx themselves run the files of the kit in front of a real gateway."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest

from tests.clients.upstream import Answer, Asked, Upstream
from tests.deploy.kit import HOST, KIT, config_in, environment, program, serving, token
from tests.metering.streams import chat_chunk, sse

CADDY, NGINX, OPENSSL = program("caddy"), program("nginx"), program("openssl")
PAUSE_SECONDS = 1.0
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


class Site(NamedTuple):
    """A gateway behind a proxy: the address of that, and tokens."""

    url: str
    developer: str
    operator: str


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def streamed(path: str, asked: Asked) -> Answer:
    pieces = [sse(chat_chunk("Hello")), sse(chat_chunk(None, usage=USAGE)) + sse("[DONE]")]
    return Answer(pieces, kind="text/event-stream", pause=PAUSE_SECONDS)


@contextmanager
def caddy(folder: Path, gateway: int) -> Generator[int]:
    """Run Caddy with a certificate of its own, on a free port."""
    if CADDY is None:
        pytest.skip("caddy is not installed (apt-get install caddy)")
    port, plain = free_port(), free_port()
    file = folder / "Caddyfile"
    alone = f"{{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\thttp_port {plain}\n}}\n"
    file.write_text(alone + (KIT / "caddy" / "Caddyfile").read_text())
    variables = {
        "GATEWAY_HOST": f"{HOST}:{port}",
        "GATEWAY_ADDRESS": f"127.0.0.1:{gateway}",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    command = [CADDY, "run", "--config", str(file), "--adapter", "caddyfile"]
    with running(command, port, variables):
        yield port


@contextmanager
def nginx(folder: Path, gateway: int) -> Generator[int]:
    """Run nginx with a certificate of its own, on a free port."""
    if NGINX is None or OPENSSL is None:
        pytest.skip("nginx or openssl is not installed (apt-get install nginx-light openssl)")
    port, plain = free_port(), free_port()
    subject = ["-subj", f"/CN={HOST}", "-keyout", folder / "privkey.pem"]
    made = [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject]
    subprocess.run([*made, "-out", folder / "fullchain.pem"], check=True, capture_output=True)
    text = (KIT / "nginx" / "gateway.conf").read_text()
    text = re.sub(r" *listen \[::\].*\n", "", text)  # a machine may have no IPv6
    for old, new in (
        ("127.0.0.1:8642", f"127.0.0.1:{gateway}"),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("listen 80", f"listen 127.0.0.1:{plain}"),
        (f"/etc/letsencrypt/live/{HOST}", str(folder)),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "gateway.conf").write_text(text)
    paths = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}include {folder}/gateway.conf;\n}}\n"
    )
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    with running(command, port, {}):
        yield port


@contextmanager
def running(command: list[str], port: int, variables: dict[str, str]) -> Generator[None]:
    """Run a proxy until somebody listens at a port."""
    with subprocess.Popen(
        command, env=environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            deadline = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert process.poll() is None, process.communicate()[0]
                    assert time.monotonic() < deadline, "the proxy does not listen"
                    time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.communicate()


@pytest.fixture(params=[caddy, nginx], ids=lambda made: made.__name__)
def site(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[Site]:
    upstream.script = streamed
    config = config_in(tmp_path, upstream.url)
    developer, operator = token(config, "ana", "proxy"), token(config, "ops", "admin")
    with ExitStack() as stack:
        gateway = stack.enter_context(serving(config))
        port = stack.enter_context(request.param(tmp_path, gateway))
        yield Site(f"https://127.0.0.1:{port}", developer, operator)


@contextmanager
def browser() -> Generator[httpx2.Client]:
    with httpx2.Client(verify=False, trust_env=False, headers={"host": HOST}) as client:
        yield client


def test_a_stream_comes_token_by_token_and_a_refusal_in_the_providers_own_words(
    site: Site, upstream: Upstream
) -> None:
    body = {
        "model": "gpt-4.1-mini",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "max_tokens": 10,
    }
    sni = {"sni_hostname": HOST}
    with browser() as client:
        headers = {"authorization": f"Bearer {site.developer}"}
        url = f"{site.url}/v1/chat/completions"
        with client.stream("POST", url, json=body, headers=headers, extensions=sni) as answer:
            assert answer.status_code == 200, answer.read()
            pieces, times = list[bytes](), list[float]()
            for piece in answer.iter_raw():
                pieces.append(piece)
                times.append(time.monotonic())
        assert b"Hello" in pieces[0]
        assert times[-1] - times[0] > PAUSE_SECONDS / 2, "nothing was kept back"
        assert answer.headers["strict-transport-security"]

        large = {**body, "messages": [{"role": "user", "content": "x" * 34_000_000}]}
        refused = client.post(url, json=large, headers=headers, extensions=sni)
        assert refused.status_code == 413
        assert "error" in refused.json()
        stranger = client.get(
            f"{site.url}/readyz", headers={"host": "evil.example"}, extensions=sni
        )
        assert b"ready" not in stranger.content, "another name is not served"
    assert len(upstream.asked) == 1


def test_an_operator_logs_in_and_the_cookie_is_for_tls_alone(site: Site) -> None:
    sni = {"sni_hostname": HOST}
    with browser() as client:
        form = {"token": site.operator}
        origin = {"origin": f"https://{HOST}"}
        url = f"{site.url}/dashboard/login"
        answer = client.post(url, data=form, headers=origin, extensions=sni)
        assert answer.status_code == 303, answer.text
        cookie = answer.headers["set-cookie"]
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
        other = client.post(
            url, data=form, headers={"origin": "https://evil.example"}, extensions=sni
        )
        assert other.status_code == 403
