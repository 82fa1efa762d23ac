"""A small OpenID provider of our own, which can be hostile: it signs whatever a test asks of it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "corvus", "s e:cret"


class OidcProvider:
    """Answers as a provider does.

    Attributes:
        claims: Who is logged in at it; ``None`` in it leaves a claim out.
        metadata: What it publishes of itself otherwise than it should.
        sign: Makes the ID token of claims; an honest one by default.
        visits: The parameters of each visit that it let in.
        exchanged: The form and headers of each look for a token.
        requested: Paths that were requested.
    """

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
        self.be_honest()

    def be_honest(self) -> None:
        """Answer as a good provider from now on."""
        self.published: list[dict[str, Any]] = [self.key.as_dict(private=False)]
        self.claims: dict[str, Any] = {
            "sub": "u1",
            "email": "ana@example.com",
            "groups": ["search"],
        }
        self.metadata: dict[str, Any] = {}
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.visits: list[Mapping[str, str]] = []
        self.exchanged: list[tuple[Mapping[str, str], Mapping[str, str]]] = []
        self.requested: list[str] = []
        self.raw: dict[str, tuple[int, bytes]] = {}
        self._codes: dict[str, Mapping[str, str]] = {}

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)

    def described(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            **self.metadata,
        }

    def visit(self, address: str) -> str:
        """Be the browser of a person who is logged in: return where it is sent back to."""
        visit = dict(parse_qsl(urlsplit(address).query))
        self.visits.append(visit)
        code = secrets.token_urlsafe(16)
        self._codes[code] = visit
        back = {"code": code, "state": visit["state"], "iss": self.issuer}
        return f"{visit['redirect_uri']}?{urlencode(back)}"

    def exchange(
        self, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """Give the ID token for a code, as RFC 6749 and RFC 7636 say."""
        self.exchanged.append((form, headers))
        visit = self._codes.pop(form.get("code", ""), None)
        if visit is None or form.get("redirect_uri") != visit["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenge != visit["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": visit["nonce"],
            **self.claims,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.sign(kept)}


def unsigned(claims: dict[str, Any]) -> str:
    """Return an ID token of ``alg`` none."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    text = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    return b".".join((*text, b"")).decode()


def by_stranger(claims: dict[str, Any]) -> str:
    """Return an ID token that somebody else has signed under the name of the provider's key."""
    key = ECKey.generate_key("P-256", {"kid": "one"})
    return jwt.encode({"alg": "ES256", "kid": "one"}, claims, key)


def by_own_key(claims: dict[str, Any]) -> str:
    """Return an ID token that brings its key along in its own head."""
    key = ECKey.generate_key("P-256", {"kid": "one"})
    header = {"alg": "ES256", "kid": "one", "jwk": key.as_dict(private=False)}
    return jwt.encode(header, claims, key)


def by_shared_secret(secret: bytes) -> Callable[[dict[str, Any]], str]:
    """Return what signs ID tokens by a secret, such as the text of a public key."""

    def sign(claims: dict[str, Any]) -> str:
        key = OctKey.import_key(secret)
        registry = jws.JWSRegistry(algorithms=["HS256"])
        return jwt.encode({"alg": "HS256", "kid": "one"}, claims, key, registry=registry)

    return sign


def new_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


@contextmanager
def oidc_provider() -> Generator[OidcProvider]:
    """Serve a provider until the context is left."""
    provider: OidcProvider

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            provider.requested.append(path)
            if path == "/authorize":  # somebody's browser, who is logged in here
                self._redirect(provider.visit(self.path))
                return
            known = {
                "/.well-known/openid-configuration": provider.described,
                "/keys": lambda: {"keys": provider.published},
            }
            self._send(*((200, known[path]()) if path in known else (404, {})))

        def do_POST(self) -> None:
            provider.requested.append(self.path)
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(*provider.exchange(dict(parse_qsl(body)), headers))

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _redirect(self, address: str) -> None:
            self.send_response(302)
            self.send_header("location", address)
            self.send_header("content-length", "0")
            self.end_headers()

        def _send(self, status: int, found: dict[str, Any]) -> None:
            path = urlsplit(self.path).path
            status, body = provider.raw.get(path, (status, json.dumps(found).encode()))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", body.decode())
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider = OidcProvider(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
