from __future__ import annotations

import inspect
import json
from dataclasses import replace

import pytest

from corvus.answers.denial import denial_body, denial_error
from corvus.autonomy import decide
from corvus.base import errors
from corvus.diagnostics import model as diagnostics
from corvus.diagnostics.model import ConfigError
from corvus.gateway.problems import Problem, problem_of, status_of
from corvus.model import decision
from corvus.model.decision import Denial
from tests.model.test_decision import FULL

STATUSES = {
    "PolicyError": 500,
    "ConfigError": 422,
    "UnpricedModel": 422,
    "AmbiguousModel": 422,
    "Denied": 402,
    "BudgetExceeded": 402,
    "AlreadySettled": 409,
    "ActionRefused": 403,
    "ActionRateExceeded": 429,
    "ProjectRefused": 403,
    "TokenBound": 403,
    "MissionEnded": 402,
    "ReservationError": 409,
    "ReservationNotFound": 404,
    "ReservationSettled": 409,
    "IdempotencyConflict": 409,
    "SteeringRefused": 409,
    "SignInRefused": 409,
    "ApprovalNotFound": 404,
    "SelfApproval": 403,
    "StoreError": 503,
    "StoreUnavailable": 503,
    "LedgerNotInstalled": 503,
    "SettlementPending": 503,
    "OutcomeUnknown": 503,
    "StoreMoved": 503,
    "StoreMoveRefused": 409,
    "ProofRefused": 409,
    "StoreTooNew": 503,
    "StoreCorrupt": 503,
    "PostgresNotInstalled": 503,
    "LedgerError": 503,
    "LedgerLocked": 503,
    "LedgerOutdated": 503,
    "LedgerTooNew": 503,
    "LedgerCorrupt": 503,
    "ImportRefused": 422,
    "BillRefused": 422,
    "PlanRefused": 422,
    "PriceSourceRefused": 422,
    "ReportError": 500,
    "ReportNotFound": 404,
    "ReportParameterInvalid": 400,
    "ReportInvalid": 500,
    "DemoRefused": 409,
    "EditRefused": 409,
    "SettingRefused": 409,
    "NothingNamed": 422,
    "RestartNeeded": 409,
    "OverridesDisabled": 403,
    "GatewayRefused": 500,
    "ResourceMissing": 500,
    "RunRefused": 500,
    "NoBudget": 500,
    "CommandNotFound": 500,
    "CommandNotExecutable": 500,
}
"""The whole table (API-2): a new error needs a row here, and a decision."""


def test_every_error_has_the_status_of_the_table() -> None:
    kinds = {
        kind
        for module in (errors, decide, decision, diagnostics)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, errors.PolicyError)
    }
    assert {kind.__name__: status_of(kind.__new__(kind)) for kind in kinds} == STATUSES


@pytest.mark.parametrize(
    "error",
    [
        errors.PolicyError("/home/ana/x"),
        errors.StoreUnavailable("/home/ana/l.store: database is locked"),
        errors.LedgerCorrupt("/home/ana/l.duckdb: IO Error"),
        errors.ReportInvalid("/home/ana/x.sql: Binder Error"),
        errors.EditRefused("/home/ana/corvus.toml cannot be written: Permission denied"),
        errors.ImportRefused("/home/ana/x"),
        errors.DemoRefused("/home/ana/x"),
        errors.GatewayRefused("/home/ana/x"),
        errors.ResourceMissing("/home/ana/x"),
        ConfigError("cannot use /home/ana/corvus.toml"),
    ],
)
def test_no_path_and_no_text_of_a_driver_is_told(error: errors.PolicyError) -> None:
    told = problem_of(error).body.decode()
    assert json.loads(told)["code"] == error.code
    for word in ("/home", "database", "IO Error", "Binder", "Permission"):
        assert word not in told


def test_what_is_wrong_with_the_request_is_told_without_its_secrets() -> None:
    words = "there is no report 'sk-1234567890abcdef'"
    problem = problem_of(errors.ReportNotFound(words))
    assert problem == Problem(404, "report-not-found", "there is no report '***'")


@pytest.mark.parametrize("denial", list(Denial))
def test_a_denial_has_one_code_in_the_envelope_and_within(denial: Denial) -> None:
    decision = replace(FULL, denial=denial, mission_id="m1")
    problem = problem_of(denial_error(decision, "m"))
    assert problem.code == denial_body(decision)["code"] == denial.value
    assert json.loads(problem.body)["code"] == denial.value
    assert problem.status == (409 if denial is Denial.ALREADY_SETTLED else 402)
