"""Errors as ``application/problem+json`` (RFC 9457): one envelope for all, with ``code`` (API-2).

Paths, the text of a driver and secrets are never said: faults of store and ledger get fixed words,
the rest is scrubbed. Which HTTP status an error is, holds on every served surface, pages too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import NamedTuple

from corvus.answers.action import ACTION
from corvus.answers.denial import denial_body
from corvus.autonomy.decide import ActionRateExceeded, ActionRefused
from corvus.base import errors
from corvus.config.toml.values import shown
from corvus.diagnostics.model import ConfigError
from corvus.diagnostics.secrets import scrub
from corvus.model.decision import AlreadySettled, Denied, MissionEnded, UnpricedModel

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:corvus:problem:"


class Problem(NamedTuple):
    """One answer that is an error.

    Attributes:
        code: Stable kebab-case name.
        detail: What is wrong and what to do, for a person.
        more: Further members for programs.
        retry_after_seconds: After how long to ask again; ``None`` when waiting is no way out.
        own_headers: Headers that belong to this very problem.
    """

    status: int
    code: str
    detail: str
    more: dict[str, object] = {}  # noqa: RUF012 - never changed
    retry_after_seconds: int | None = None
    own_headers: dict[str, str] = {}  # noqa: RUF012 - never changed

    @property
    def body(self) -> bytes:
        """The envelope as JSON."""
        members = {
            "type": _TYPE + self.code,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        return json.dumps({**self.more, **members}).encode()

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to the status."""
        headers = {"content-type": MEDIA_TYPE, "cache-control": "no-store"}
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = "Bearer"
        if self.status == HTTPStatus.PAYMENT_REQUIRED:
            headers["x-should-retry"] = "false"
        if self.retry_after_seconds is not None:
            headers["retry-after"] = str(self.retry_after_seconds)
        return {**headers, **self.own_headers}


_STATUS: dict[type[errors.PolicyError], int] = {
    errors.PolicyError: 500,
    ConfigError: 422,
    Denied: 402,
    UnpricedModel: 422,
    AlreadySettled: 409,
    ActionRefused: 403,
    errors.ProjectRefused: 403,
    errors.TokenBound: 403,
    ActionRateExceeded: 429,
    errors.ReservationError: 409,
    errors.ReservationNotFound: 404,
    errors.SteeringRefused: 409,
    errors.ApprovalNotFound: 404,
    errors.SelfApproval: 403,
    errors.OverridesDisabled: 403,
    errors.StoreError: 503,
    errors.StoreMoveRefused: 409,
    errors.ProofRefused: 409,
    errors.LedgerError: 503,
    errors.ImportRefused: 422,
    errors.BillRefused: 422,
    errors.PlanRefused: 422,
    errors.PriceSourceRefused: 422,
    errors.ReportError: 500,
    errors.ReportNotFound: 404,
    errors.ReportParameterInvalid: 400,
    errors.DemoRefused: 409,
    errors.EditRefused: 409,
    errors.NothingNamed: 422,
    errors.GatewayRefused: 500,
    errors.ResourceMissing: 500,
}

_FIXED: dict[type[errors.PolicyError], str] = {
    errors.StoreError: "the store of budgets cannot answer, so nothing was admitted or changed; "
    "the server's own log says why",
    errors.LedgerError: "the ledger cannot be read now; the server's own log says why",
    errors.EditRefused: "the config cannot be changed as asked; it is as it was",
    errors.ReportError: "the report failed; the server's own log says why",
    errors.ResourceMissing: "the installation is incomplete",
    errors.PolicyError: "the request failed; the server's own log says why",
}


def status_of(error: errors.PolicyError) -> int:
    """Return the HTTP status of an error: that of its nearest listed ancestor."""
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def problem_of(error: errors.PolicyError) -> Problem:
    """Return what the client sees of an error."""
    status = status_of(error)
    if isinstance(error, Denied) and error.decision is not None:
        code = error.code.replace("-", "_")
        status = 402 if status == 422 else status  # a refused call, not a look-up in the price book
        return Problem(status, code, scrub(str(error)), denial_body(error.decision))
    if isinstance(error, ActionRefused):
        code = error.answer.code or error.code
        body, wait = ACTION.body(error.answer), error.answer.wait_seconds
        return Problem(status, code, scrub(str(error)), body, wait)
    if isinstance(error, ConfigError):
        faults = [
            {
                "field": shown(diagnostic.path),
                "code": diagnostic.code,
                "message": scrub(diagnostic.message),
            }
            for diagnostic in error.diagnostics
        ]
        return Problem(status, error.code, "the config would have errors", {"errors": faults})
    if isinstance(error, errors.RestartNeeded):
        more: dict[str, object] = {"restart_required": True, "fields": [*error.fields]}
        return Problem(status, error.code, scrub(str(error)), more)
    if isinstance(error, _ABOUT_THE_REQUEST):
        return Problem(status, error.code, scrub(str(error)))
    return Problem(status, error.code, next(_FIXED[kind] for kind in _known(error)))


_ABOUT_THE_REQUEST = (
    MissionEnded,
    errors.ProjectRefused,
    errors.ReportNotFound,
    errors.ReportParameterInvalid,
    errors.ReservationError,
    errors.SettingRefused,
    errors.SteeringRefused,
    errors.TokenBound,
    UnpricedModel,
)


def _known(error: errors.PolicyError) -> Iterator[type[errors.PolicyError]]:
    return (kind for kind in type(error).__mro__ if kind in _FIXED)
