"""Ed25519 keys that sign statements, and the signature over one.

A private key is a PEM file that only its owner may read. A public key is one line of text.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from corvus.base.errors import ProofRefused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_CONTEXT: Final = b"corvus.proof/1\n"
"""Signed in front of each statement, so that no other signature of the key is one of it."""
_PREFIX: Final = "ed25519:"
_LARGEST: Final = 10_000


def new_key(path: Path) -> str:
    """Make a key that only its owner may read; return its public key.

    The public key is also written next to it, to ``PATH.pub``.

    Raises:
        ProofRefused: There is a file already, or it cannot be written.
    """
    crypto = _cryptography()
    key = crypto.Ed25519PrivateKey.generate()
    pem = key.private_bytes(crypto.Encoding.PEM, crypto.PrivateFormat.PKCS8, crypto.NoEncryption())
    public = _public_text(key)
    if os.path.lexists(f"{path}.pub"):
        raise ProofRefused(f"{path}.pub is there already: a key is never replaced")
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
        with open(f"{path}.pub", "x", encoding="ascii") as file:
            file.write(public + "\n")
    except FileExistsError as fault:
        raise ProofRefused(f"{fault.filename} is there already: a key is never replaced") from None
    except OSError as fault:
        raise ProofRefused(f"{path} cannot be written: {fault.strerror}") from None
    return public


def signed(statement: Mapping[str, object], key_path: Path) -> dict[str, object]:
    """Return a statement with its signature.

    Raises:
        ProofRefused: The key cannot be read, is no Ed25519 key, or others may read it.
    """
    key = _private_key(key_path)
    return {
        "statement": dict(statement),
        "signature": {
            "algorithm": "Ed25519",
            "public_key": _public_text(key),
            "value": b64encode(key.sign(_CONTEXT + canonical(statement))).decode(),
        },
    }


def is_signed_by(statement: Mapping[str, object], public: str, signature: str) -> bool:
    """Return whether a signature over a statement is that of a public key.

    Raises:
        ProofRefused: The public key is none.
    """
    crypto = _cryptography()
    key = crypto.Ed25519PublicKey.from_public_bytes(_raw(public))
    try:
        key.verify(b64decode(signature, validate=True), _CONTEXT + canonical(statement))
    except (crypto.InvalidSignature, NotBase64, ValueError):
        return False
    return True


def canonical(statement: Mapping[str, object]) -> bytes:
    """Return the bytes that are signed: keys sorted, no space, ASCII, no float.

    Raises:
        ValueError: It holds a number with decimals, of which programs differ in writing.
    """
    _refuse_floats(statement)
    return json.dumps(statement, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def public_key_of(text: str) -> str:
    """Return the public key that a user names: itself, or a file that holds it.

    Raises:
        ProofRefused: It is neither.
    """
    if not text.startswith(_PREFIX):
        try:
            with open(text, encoding="ascii") as file:
                text = file.read(_LARGEST).strip()
        except (OSError, ValueError):
            raise ProofRefused(f"{text!r} is no file with a public key") from None
    _raw(text)
    return text


def _raw(public: str) -> bytes:
    try:
        raw = b64decode(public.removeprefix(_PREFIX), validate=True)
    except (NotBase64, ValueError):
        raw = b""
    if not public.startswith(_PREFIX) or len(raw) != 32:
        raise ProofRefused("a public key is a line such as ed25519:Vb0Z…= of 32 bytes in base64")
    return raw


def _private_key(path: Path) -> Ed25519PrivateKey:
    crypto = _cryptography()
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            pem = file.read(_LARGEST)
    except OSError as fault:
        raise ProofRefused(f"the key {path} cannot be read: {fault.strerror}") from None
    if os.name == "posix" and (status.st_mode & 0o077 or status.st_uid not in (0, os.geteuid())):
        raise ProofRefused(f"others may read the key {path}: chmod 600 it, or make a new one")
    try:
        key = crypto.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        _refuse(path)
    if not isinstance(key, crypto.Ed25519PrivateKey):
        _refuse(path)
    return key


def _refuse(path: Path) -> NoReturn:
    raise ProofRefused(f"{path} holds no Ed25519 key: make one with `corvus prove --new-key FILE`")


def _public_text(key: Ed25519PrivateKey) -> str:
    return _PREFIX + b64encode(key.public_key().public_bytes_raw()).decode()


def _refuse_floats(value: object) -> None:
    match value:
        case float():
            raise ValueError(f"{value!r} has no canonical form")
        case dict():
            for inner in value.values():  # pyright: ignore[reportUnknownVariableType]
                _refuse_floats(inner)  # pyright: ignore[reportUnknownArgumentType]
        case list():
            for inner in value:  # pyright: ignore[reportUnknownVariableType]
                _refuse_floats(inner)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            pass


class _Crypto:
    """What is used of the library, which is an extra."""

    def __init__(self) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519

        self.InvalidSignature = InvalidSignature
        self.Encoding = serialization.Encoding
        self.PrivateFormat = serialization.PrivateFormat
        self.NoEncryption = serialization.NoEncryption
        self.load_pem_private_key = serialization.load_pem_private_key
        self.Ed25519PrivateKey = ed25519.Ed25519PrivateKey
        self.Ed25519PublicKey = ed25519.Ed25519PublicKey


def _cryptography() -> _Crypto:
    try:
        return _Crypto()
    except ImportError:
        raise ProofRefused("signing needs a library: pip install 'corvus-policy[prove]'") from None
