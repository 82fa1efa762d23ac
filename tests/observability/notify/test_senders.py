"""Messages to webhooks and by apprise, judged by the reference verifier and by real receivers."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from corvus.base.time import SystemClock
from corvus.diagnostics.model import ConfigError
from corvus.model.notify import NotifyTarget
from corvus.observability.notify import senders
from corvus.observability.notify.message import Message, message_for_test
from corvus.observability.notify.senders import Outcome, sender_of
from tests.fakes import FrozenClock
from tests.observability.notify.receiver import Receiver, receiving

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"

OLD_IMPORTS = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""What apprise imports under some versions of Python."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def message(title: str = "Budget day refuses calls", text: str = "Ümläut 値段") -> Message:
    return Message(
        "msg_1", "budget.exceeded", "2026-11-25T12:00:00+00:00", "refusals", title, text, {}
    )


def send(target: NotifyTarget, what: Message | None = None, **environment: str) -> Outcome:
    return sender_of(target, environment, SystemClock()).send(what or message())


def test_a_signature_is_that_of_standard_webhooks(receiver: Receiver) -> None:
    target = NotifyTarget("ops", receiver.url, secret_env="OPS_SECRET")
    assert send(target, OPS_SECRET=SECRET).result == "delivered"
    (request,) = receiver.received
    assert Verifier(SECRET).verify(request.body, request.headers)["text"] == "Ümläut 値段"
    assert request.headers["content-type"] == "application/json"
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60


@pytest.mark.parametrize("wrong", ["body", "id", "timestamp", "secret"])
def test_whatever_is_forged_is_found_out(receiver: Receiver, wrong: str) -> None:
    target = NotifyTarget("ops", receiver.url, secret_env="OPS_SECRET")
    send(target, OPS_SECRET=SECRET)
    (request,) = receiver.received
    headers, body = dict(request.headers), request.body
    secret = SECRET
    if wrong == "body":
        body = body.replace(b"refuses", b"permits")
    elif wrong == "secret":
        secret = f"whsec_{base64.b64encode(bytes(32)).decode()}"
    else:
        headers[f"webhook-{wrong}"] = str(int(headers["webhook-timestamp"]) - 1)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(body, headers)


def test_each_try_has_the_same_id_and_a_time_of_its_own(receiver: Receiver) -> None:
    clock = FrozenClock(datetime(2026, 11, 25, 12, tzinfo=UTC))
    sender = sender_of(NotifyTarget("ops", receiver.url), {}, clock)
    sender.send(message())
    clock.set(datetime(2026, 11, 25, 13, tzinfo=UTC))
    sender.send(message())
    assert receiver.counts == {"msg_1": 2}
    stamps = [int(request.headers["webhook-timestamp"]) for request in receiver.received]
    assert stamps[1] - stamps[0] == 3600
    assert "webhook-signature" not in receiver.received[0].headers


@pytest.mark.parametrize(
    "secret",
    ["", "plain words", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", SECRET.removeprefix("whsec_")],
)
def test_a_secret_that_is_none_sends_nothing_and_is_not_shown(
    receiver: Receiver, secret: str
) -> None:
    target = NotifyTarget("ops", receiver.url, secret_env="OPS_SECRET")
    outcome = send(target, OPS_SECRET=secret)
    assert outcome.result == "failed"
    assert "OPS_SECRET" in outcome.detail
    assert len(secret) < 8 or secret not in outcome.detail
    assert receiver.received == []


def test_slack_gets_its_own_form_and_nobody_is_mentioned(receiver: Receiver) -> None:
    target = NotifyTarget("ops", url_env="SLACK", format="slack")
    send(target, message("Budget <!channel>", "a & b"), SLACK=f"{receiver.url}/services/T/B/x")
    (request,) = receiver.received
    assert request.path == "/services/T/B/x"
    assert request.json == {
        "text": "Budget &lt;!channel&gt;: a &amp; b",
        "blocks": [
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": "*Budget &lt;!channel&gt;*\na &amp; b"},
            }
        ],
    }


def test_slack_takes_no_more_than_3000_characters(receiver: Receiver) -> None:
    send(NotifyTarget("ops", receiver.url, format="slack"), message(text="&" * 9000))
    block = receiver.received[0].json["blocks"][0]["text"]["text"]
    assert len(block) <= 3000


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "the environment variable OPS_URL is not set"),
        ("http://alerts.example.com/geheim", "the URL in OPS_URL must be https://"),
        ("file:///etc/passwd", "the URL in OPS_URL is no URL"),
        ("ftp://alerts.example.com/geheim", "the URL in OPS_URL is no URL"),
        ("https://", "the URL in OPS_URL is no URL"),
        ("https://alerts.example.com:geheim/", "the URL in OPS_URL is no URL"),
        ("https://alerts.example.com/ge heim", "the URL in OPS_URL is no URL"),
    ],
)
def test_a_url_that_cannot_be_sent_to_is_a_failure_that_does_not_show_it(
    url: str, why: str
) -> None:
    outcome = send(NotifyTarget("ops", url_env="OPS_URL"), OPS_URL=url)
    assert outcome.result == "failed"
    assert outcome.detail.startswith(why)
    assert "heim" not in outcome.detail


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for this machine that nobody vouches for, and its key."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    subprocess.run([*words, *more], check=True, capture_output=True)
    return cert, key


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving(certificate=certificate) as receiver:
        target = NotifyTarget("ops", f"{receiver.url}/geheim")
        outcome = send(target)
        assert outcome.result == "failed"
        assert outcome.detail.startswith("its certificate is not trusted: self")
        assert receiver.received == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert send(target).result == "delivered"


def test_another_machine_is_reached_through_the_proxy_and_this_one_is_not(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", receiver.url)
    monkeypatch.delenv("no_proxy", raising=False)
    far = NotifyTarget("far", "http://alerts.internal/far", allow_http=True)
    assert send(far).result == "delivered"
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert send(NotifyTarget("near", f"{receiver.url}/near")).result == "delivered"
    paths = [request.path for request in receiver.received]
    assert paths == ["http://alerts.internal/far", "/near"]


def test_silence_is_a_failure_after_a_while(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "TIMEOUT_SECONDS", 0.2)

    def answer(request: object) -> int:
        time.sleep(1)
        return 204

    receiver.answer = answer
    assert send(NotifyTarget("ops", receiver.url)).detail == "no answer within 0.2 s"


def test_an_answer_is_shown_without_what_looks_like_a_secret(receiver: Receiver) -> None:
    from corvus.observability.notify.senders import _outcome  # pyright: ignore[reportPrivateUsage]

    shown = _outcome(403, b"no\x1b[31m token=geheim sk-abcdefghijklmnopqrstuv").answer
    assert shown == "no\\x1b[31m token=*** ***"


@OLD_IMPORTS
def test_apprise_sends_to_a_service_that_it_knows(receiver: Receiver) -> None:
    target = NotifyTarget("ops", apprise_env="OPS_APPRISE")
    url = f"json://127.0.0.1:{receiver.port}/hook"
    assert send(target, OPS_APPRISE=url) == Outcome("delivered", "apprise delivered it")
    (request,) = receiver.received
    assert request.path == "/hook"
    assert request.json["title"] == "Budget day refuses calls"
    assert request.json["message"] == "Ümläut 値段"


@OLD_IMPORTS
def test_apprise_fails_without_showing_its_url(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    target = NotifyTarget("ops", apprise_env="OPS_APPRISE")
    receiver.answer = lambda request: 500
    refused = send(target, OPS_APPRISE=f"json://ana:geheim@127.0.0.1:{receiver.port}/hook")
    unknown = send(target, OPS_APPRISE="nonsense://geheim")
    missing = send(target)
    details = [outcome.detail for outcome in (refused, unknown, missing)]
    assert details == [
        "apprise could not deliver it",
        "the URL in OPS_APPRISE is none that apprise knows",
        "the environment variable OPS_APPRISE is not set",
    ]
    assert "geheim" not in caplog.text


def test_a_test_says_that_it_is_one() -> None:
    made = message_for_test("ops", "msg_2", "2026-11-25T12:00:00+00:00", "en")
    assert made.type == "notify.test"
    assert "test of the target ops" in made.text


def test_without_its_extra_apprise_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match=r"pip install 'corvus-policy\[notify\]'"):
        sender_of(NotifyTarget("ops", apprise_env="OPS_APPRISE"), {}, SystemClock())
