"""Which HTTP status an error of ours is, on every served surface (API-2).

Refuses to word anything: problems and pages have their own.
"""

from __future__ import annotations

from corvus.autonomy.decide import ActionRateExceeded, ActionRefused
from corvus.base import errors
from corvus.diagnostics.model import ConfigError
from corvus.model.decision import AlreadySettled, Denied, UnpricedModel

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
    errors.StoreError: 503,
    errors.LedgerError: 503,
    errors.ImportRefused: 422,
    errors.ReportError: 500,
    errors.ReportNotFound: 404,
    errors.ReportParameterInvalid: 400,
    errors.DemoRefused: 409,
    errors.EditRefused: 409,
    errors.GatewayRefused: 500,
    errors.ResourceMissing: 500,
}


def status_of(error: errors.PolicyError) -> int:
    """Return the HTTP status of an error: that of its nearest listed ancestor."""
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
