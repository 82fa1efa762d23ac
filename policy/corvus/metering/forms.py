"""Reads requests that come as a form with files, and no looser than any reader (PRC-7, PRX-1).

The bytes go on as they came, to a provider whose parser is not known. So what two parsers may read
in two ways is refused: a boundary inside of a part, a name that is quoted oddly, a header that is
not known, anything before the first part or behind the last. What the fields say becomes a JSON
object, which is read as the body of any other request is; a field that is named twice is refused
there. Files are looked at by their size and their first bytes alone.

Source:
    https://www.rfc-editor.org/rfc/rfc7578 and https://www.rfc-editor.org/rfc/rfc2046 section 5.1.1,
    read 2026-11-29.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from corvus.metering.members import MEMBERS_MAX, Malformed

_FORM = "multipart/form-data"
_TYPE = re.compile(
    r'\s*multipart/form-data\s*;\s*boundary=(?:"([\w\'()+,./:=?-]{1,70})"|([\w\'+.-]{1,70}))\s*',
    re.IGNORECASE | re.ASCII,
)
_HEAD_BYTES_MAX = 4_096
_VALUE_BYTES_MAX = 1024 * 1024
_HEADER = re.compile(rb"(content-disposition|content-type|content-length)[ \t]*:([^\r\n]*)", re.I)
_DISPOSITION = re.compile(
    rb'[ \t]*form-data;[ \t]*name="?([A-Za-z_][\w.-]{0,99}(?:\[\])?)"?'
    rb'(;[ \t]*filename="[^"\\\r\n]*"(?:;[ \t]*filename\*=[^\s";]+)?)?[ \t]*',
    re.I,
)
_NUMBER = re.compile(r"-?\d{1,40}", re.ASCII)
_WORDS = ("true", "false")
_FILE_HEAD_BYTES = 3 * 1024


@dataclass(frozen=True, slots=True)
class File:
    """A file of a form.

    Attributes:
        name: Of its field, without the brackets of a list.
        head: Its first bytes.
        size: In bytes.
    """

    name: str
    head: bytes
    size: int


@dataclass(frozen=True, slots=True)
class FormData:
    """What a form holds.

    Attributes:
        text: Its fields as a JSON object, UTF-8.
        files: In their order.
    """

    text: bytes
    files: list[File] = field(default_factory=list[File])


def is_form(content_type: str) -> bool:
    """Return whether a request says that its body is a form with files."""
    return content_type.partition(";")[0].strip().lower() == _FORM


def form_of(content_type: str, body: bytes) -> FormData:
    """Read a form.

    Args:
        content_type: As the request states it.
        body: As it came.

    Raises:
        Malformed: Two parsers may read it in two ways, or it has too many or too long fields.
    """
    stated = _TYPE.fullmatch(content_type)
    if stated is None:
        raise Malformed("form_invalid", "the form must state one boundary, of plain characters")
    boundary = b"--" + (stated[1] or stated[2]).encode()
    parts = _parts(boundary, body)
    members: list[bytes] = []
    files: list[File] = []
    for part in parts:
        name, content, is_file = _part(part)
        if is_file:
            files.append(File(name.removesuffix("[]"), content[:_FILE_HEAD_BYTES], len(content)))
        elif not name.endswith("[]"):
            members.append(json.dumps(name).encode() + b":" + _value(name, content))
    return FormData(b"{%s}" % b",".join(members), files)


def _parts(boundary: bytes, body: bytes) -> list[bytes]:
    """Return the parts between boundaries; the boundary stands nowhere else."""
    first, last = boundary + b"\r\n", b"\r\n" + boundary + b"--"
    body = body.removesuffix(b"\r\n")
    if not (body.startswith(first) and body.endswith(last)):
        raise Malformed("form_invalid", "the form does not begin and end with its boundary")
    parts = body[len(first) : -len(last)].split(b"\r\n" + first)
    if body.count(boundary) != len(parts) + 1:
        raise Malformed("form_invalid", "the boundary of the form stands inside of a part")
    if len(parts) > MEMBERS_MAX:
        raise Malformed("form_invalid", f"the form has more than {MEMBERS_MAX:,} parts")
    return parts


def _part(part: bytes) -> tuple[str, bytes, bool]:
    """Return the name and the content of a part, and whether it is a file."""
    head, end, content = part.partition(b"\r\n\r\n")
    headers = [_HEADER.fullmatch(line) for line in head.split(b"\r\n")]
    if not end or len(head) > _HEAD_BYTES_MAX or not all(headers):
        raise Malformed("form_invalid", "a part of the form has a head that is not understood")
    stated = [one[2] for one in headers if one and one[1].lower() == b"content-disposition"]
    found = _DISPOSITION.fullmatch(stated[0]) if len(stated) == 1 else None
    if found is None:
        raise Malformed("form_invalid", "a part of the form does not say plainly what it is")
    return found[1].decode(), content, found[2] is not None


def _value(name: str, content: bytes) -> bytes:
    """Return the JSON of a field: a number, true, false, or a text."""
    if len(content) > _VALUE_BYTES_MAX:
        raise Malformed("form_invalid", f"the field {name} of the form is too long")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Malformed("form_invalid", f"the field {name} of the form is no UTF-8") from None
    if _NUMBER.fullmatch(text):
        return str(int(text)).encode()
    return text.encode() if text in _WORDS else json.dumps(text, ensure_ascii=False).encode()
