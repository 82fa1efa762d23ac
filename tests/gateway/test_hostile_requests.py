"""What a hostile client sends, byte by byte, and what it may never get back (API-5)."""

from __future__ import annotations

import json
import socket

import pytest

from tests.gateway.conftest import Served

CANARY = "sk-canary-4f1d0c77b2a94e0c9d21"


def raw(served: Served, request: bytes) -> tuple[int, str]:
    """Send bytes as they are; return the status and all that came back."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as client:
        client.sendall(request)
        answer = b""
        while piece := client.recv(65_536):
            answer += piece
    return int(answer.split(b" ", 2)[1]), answer.decode()


def request(
    served: Served, *lines: str, method: str = "GET", path: str = "", body: str = ""
) -> bytes:
    head = [f"{method} {path or '/web/cost/summary'} HTTP/1.1", *lines, "Connection: close"]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def host(served: Served) -> str:
    return f"Host: 127.0.0.1:{served.port}"


def bearer(served: Served, scope: str = "admin") -> str:
    return f"Authorization: Bearer {served.secrets[scope]}"


def code(answer: str) -> str:
    head, _, body = answer.partition("\r\n\r\n")
    assert "application/problem+json" in head
    return json.loads(body)["code"]


def test_the_request_that_the_hostile_ones_are_made_from_passes(standing: Served) -> None:
    assert raw(standing, request(standing, host(standing), bearer(standing)))[0] == 200


@pytest.mark.parametrize(
    ("lines", "status", "name"),
    [
        (["{host}", "Host: evil.example", "{bearer}"], 400, "ambiguous-host"),
        (["{bearer}"], 400, "ambiguous-host"),
        (["Host: evil.example", "{bearer}"], 421, "host-refused"),
        (["Host: 127.0.0.1@evil.example", "{bearer}"], 421, "host-refused"),
        (["Host: 127.0.0.1.evil.example", "{bearer}"], 421, "host-refused"),
        (["{host}", "{bearer}", "{bearer}"], 400, "ambiguous-authorization"),
        (["{host}", "{bearer}", "Authorization: Basic eA=="], 400, "ambiguous-authorization"),
        (["{host}"], 401, "token-missing"),
        (["{host}", "Authorization: Basic eA=="], 401, "token-missing"),
        (["{host}", "{bearer}x"], 401, "token-unknown"),
        (["{host}", "{bearer}", "Origin: https://evil.example"], 403, "origin-refused"),
        (["{host}", "{bearer}", "Origin: null"], 403, "origin-refused"),
        (["{host}", "{bearer}", "Origin: http://127.0.0.1:1"], 403, "origin-refused"),
        (["{host}", "{bearer}", "Sec-Fetch-Site: cross-site"], 403, "origin-refused"),
        (["{host}", "{bearer}", "Sec-Fetch-Site: same-site"], 403, "origin-refused"),
        (["{host}", "{bearer}", "X: " + "y" * 100_000], 431, "headers-too-large"),
    ],
)
def test_a_request_that_could_be_read_in_two_ways_or_is_not_ours_is_refused(
    standing: Served, lines: list[str], status: int, name: str
) -> None:
    written = [
        one.replace("{host}", host(standing)).replace("{bearer}", bearer(standing)) for one in lines
    ]
    found, answer = raw(standing, request(standing, *written))
    assert (found, code(answer)) == (status, name)


def test_the_guards_stand_in_the_order_of_the_rule(standing: Served) -> None:
    """API-5: each request fails one guard less than the one before, and names the first."""
    wrong = ["Host: evil.example", "Origin: https://evil.example", "Authorization: Bearer x"]
    right = [host(standing), f"Origin: http://127.0.0.1:{standing.port}", bearer(standing)]
    tail = ["Content-Type: text/plain", "Content-Length: 70000"]
    names: list[str] = []
    for good in range(4):
        lines = [*right[:good], *wrong[good:], *tail]
        sent = request(standing, *lines, method="POST", path="/web/admin/cost/reset")
        names.append(code(raw(standing, sent)[1]))
    small = [*right, "Content-Type: text/plain", "Content-Length: 2"]
    sent = request(standing, *small, method="POST", path="/web/admin/cost/reset", body="{}")
    names.append(code(raw(standing, sent)[1]))
    assert names == [
        "host-refused",
        "origin-refused",
        "token-unknown",
        "body-too-large",
        "not-json",
    ]


def test_a_body_that_says_no_length_is_cut_off_all_the_same(standing: Served) -> None:
    lines = [host(standing), bearer(standing), "Transfer-Encoding: chunked"]
    body = f"{70_000:x}\r\n{'x' * 70_000}\r\n0\r\n\r\n"
    sent = request(standing, *lines, method="POST", path="/web/admin/cost/reset", body=body)
    found, answer = raw(standing, sent)
    assert (found, code(answer)) == (413, "body-too-large")


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 2", "Transfer-Encoding: chunked"],
        ["Content-Length: 2", "Content-Length: 3"],
        ["Transfer-Encoding : chunked"],
    ],
)
def test_a_smuggled_request_is_refused_by_the_parser(standing: Served, lines: list[str]) -> None:
    """Httptools is forced: another parser lets some of these through."""
    sent = request(standing, host(standing), bearer(standing), *lines, method="POST", body="{}")
    assert raw(standing, sent)[0] == 400


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("read", "POST", "/web/admin/cost/reset", 403),
        ("read", "PATCH", "/web/admin/config", 403),
        ("read", "POST", "/web/reservations", 403),
        ("proxy", "GET", "/web/cost/summary", 403),
        ("proxy", "POST", "/web/admin/cost/override", 403),
        ("proxy", "GET", "/metrics", 403),
        ("admin", "POST", "/web/reservations", 422),
        ("admin", "OPTIONS", "/web/cost/summary", 403),
        ("read", "GET", "/web/cost/summary", 200),
        ("admin", "GET", "/web/cost/summary", 200),
    ],
)
def test_a_token_may_do_what_its_scope_says(
    standing: Served, scope: str, method: str, path: str, status: int
) -> None:
    """API-8."""
    lines = [host(standing), bearer(standing, scope), "Content-Length: 0"]
    assert raw(standing, request(standing, *lines, method=method, path=path))[0] == status


def test_a_revoked_token_is_refused_within_a_second(served: Served) -> None:
    import time

    with served.client("read") as client:
        assert client.get("/web/cost/summary").status_code == 200
        served.place.run("token", "revoke", "read")
        time.sleep(1.1)
        assert client.get("/web/cost/summary").status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        f'{{"scope": "{CANARY}"}}',
        f'{{"scope": "day", "reason": "Authorization: Bearer {CANARY}"}}',
        f'{{"scope": "day", "{CANARY}": 1}}',
        f'{{"scope": "{CANARY}',
        f'{{"scope": ["{CANARY}"]}}',
    ],
)
def test_a_secret_in_a_request_comes_back_in_no_answer(standing: Served, body: str) -> None:
    """OBS-3 for answers: neither in the refusal, nor in the audit that everybody may read."""
    with standing.client() as admin:
        headers = {"content-type": "application/json", "x-api-key": CANARY}
        path = f"/web/admin/cost/reset?key={CANARY}"
        first = admin.post(path, content=body, headers=headers)
        audit = admin.get("/web/cost/audit")
        report = admin.get(f"/web/reports/{CANARY}")
        token = admin.get("/web/cost/summary", headers={"authorization": f"Bearer {CANARY}"})
    answers = (first, audit, report, token)
    for answer in answers:
        assert CANARY not in answer.text + str(answer.headers)
        assert not any(one in answer.text for one in standing.secrets.values())


@pytest.mark.parametrize(
    "body", ["", "[]", "1", '"x"', "{}", '{"scope":', "\xff", '{"scope": NaN}']
)
def test_a_body_that_is_none_is_the_mistake_of_the_client(standing: Served, body: str) -> None:
    with standing.client() as admin:
        headers = {"content-type": "application/json"}
        sent = body.encode("latin-1")
        answer = admin.post("/web/admin/cost/reset", content=sent, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("json-invalid", "request-invalid")
