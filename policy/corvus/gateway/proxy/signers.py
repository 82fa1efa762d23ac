"""What shows a provider who pays, where a key in a header does not do (PRX-5).

An access token of Google is renewed now and then, and requests to AWS are signed one by one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, Protocol

from yarl import URL

from corvus.gateway.proxy.failures import UpstreamFailed
from corvus.gateway.proxy.upstreams import Target
from corvus.metering.provider import Credential
from corvus.metering.providers import PROVIDERS
from corvus.model.gateway import Upstream

_MODULES = {
    Credential.GOOGLE: ("corvus.gateway.proxy.google_credentials", "GoogleCredentials"),
    Credential.AWS: ("corvus.gateway.proxy.aws_signature", "AwsSignature"),
}


class Signer(Protocol):
    """Makes the headers that show who pays for the calls of one upstream."""

    async def headers(
        self, method: str, url: URL, headers: list[tuple[str, str]], body: bytes
    ) -> list[tuple[str, str]]:
        """Return the headers to add to a request.

        Args:
            method: In capitals.
            url: Whole address.
            headers: As they are sent otherwise.
            body: As it is sent; it does not change any more.

        Raises:
            UpstreamFailed: There are no credentials to be had.
        """
        ...


class Signers:
    """One signer for each upstream that needs one, made when it is first needed.

    Args:
        environment: Where keys are found.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._by_name: dict[str, Signer] = {}

    async def prepare(self, upstreams: Iterable[Upstream]) -> None:
        """Find credentials now; what is not found is looked for again with the first call.

        Args:
            upstreams: Whose.
        """
        for upstream in upstreams:
            if upstream.pass_through or upstream.api_key_env is not None:
                continue
            if (signer := self._signer(upstream)) is not None:
                with suppress(UpstreamFailed):
                    await signer.headers("POST", URL(upstream.base_url), [], b"")

    def of(self, target: Target) -> Signer | None:
        """Return who signs requests to a target; ``None`` where a key is all it needs."""
        if target.key is not None or target.upstream.pass_through:
            return None
        return self._signer(target.upstream)

    def _signer(self, upstream: Upstream) -> Signer | None:
        credential = PROVIDERS[upstream.kind].credential
        if credential is Credential.HEADER:
            return None
        signer = self._by_name.get(upstream.name)
        if signer is None:
            signer = self._by_name[upstream.name] = self._made(credential, upstream)
        return signer

    def _made(self, credential: Credential, upstream: Upstream) -> Signer:
        module, name = _MODULES[credential]
        maker: Any = getattr(import_module(module), name)
        if credential is Credential.AWS:
            return maker(upstream, self._environment)
        return maker(upstream)
