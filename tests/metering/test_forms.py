"""Forms with files are read strictly: what two parsers may read in two ways is refused (PRC-7)."""

from __future__ import annotations

import json

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.metering.forms import form_of, is_form
from corvus.metering.members import Malformed

TYPE = "multipart/form-data; boundary=XX"


def part(name: str, value: bytes, more: str = "") -> bytes:
    head = f'--XX\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + value + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--XX--\r\n"


FILE = part("file", b"RIFF....", '; filename="a.wav"\r\nContent-Type: audio/wav')


def test_fields_become_json_and_files_are_weighed() -> None:
    raw = body(part("model", b"m"), FILE, part("n", b"2"), part("stream", b"true"))
    form = form_of(TYPE, raw)
    assert json.loads(form.text) == {"model": "m", "n": 2, "stream": True}
    assert [(one.name, one.size) for one in form.files] == [("file", 8)]


def test_what_a_real_client_sends_is_read() -> None:
    files = [("image[]", ("a.png", b"\x89PNG\r\n\x1a\n", "image/png")), ("mask", ("m.png", b"1"))]
    data = {"model": "gpt-image-1", "prompt": "a \u00e9 \r\n b", "n": "1"}
    request = httpx2.Request("POST", "http://a/", data=data, files=files)
    form = form_of(request.headers["content-type"], request.read())
    assert json.loads(form.text) == {**data, "n": 1}
    assert [one.name for one in form.files] == ["image", "mask"]


WRONG = {
    "no boundary": ("multipart/form-data", body(FILE)),
    "two boundaries": (TYPE + "; boundary=YY", body(FILE)),
    "another boundary": ("multipart/form-data; boundary=YY", body(FILE)),
    "a preamble": (TYPE, b"hello\r\n" + body(FILE)),
    "an epilogue": (TYPE, body(FILE) + b"--YY\r\n"),
    "no end": (TYPE, FILE),
    "a boundary inside": (TYPE, body(part("model", b"a\n--XX\nb"), FILE)),
    "a boundary in a file": (TYPE, body(part("file", b"--XX", '; filename="a"'))),
    "bare line ends": (TYPE, body(FILE).replace(b"\r\n", b"\n")),
    "two dispositions": (
        TYPE,
        body(part("model", b"m", '\r\nContent-Disposition: form-data; name="n"')),
    ),
    "an escape in a name": (TYPE, body(part('mo\\"del', b"m"))),
    "a name by another way": (TYPE, body(part("model", b"m", "; name*=utf-8''n"))),
    "a transfer encoding": (
        TYPE,
        body(part("model", b"bQ==", "\r\nContent-Transfer-Encoding: base64")),
    ),
    "a folded head": (TYPE, body(part("model", b"m", "\r\n x: y"))),
    "no UTF-8": (TYPE, body(part("model", b"\xff"))),
    "a field without an end": (TYPE, b'--XX\r\nContent-Disposition: form-data; name="a"\r\n--XX--'),
    "no part": (TYPE, b"--XX--\r\n"),
}


@pytest.mark.parametrize(("stated", "raw"), WRONG.values(), ids=WRONG)
def test_what_may_be_read_in_two_ways_is_refused(stated: str, raw: bytes) -> None:
    with pytest.raises(Malformed):
        form_of(stated, raw)


@given(st.binary(max_size=200))
def test_no_bytes_are_more_than_refused(raw: bytes) -> None:
    try:
        form = form_of(TYPE, body(part("a", raw)))
    except Malformed:
        return
    assert isinstance(json.loads(form.text), dict)


def test_only_a_form_is_one() -> None:
    assert is_form("Multipart/Form-Data; boundary=a")
    for other in ("", "application/json", "multipart/mixed; boundary=a"):
        assert not is_form(other)
