"""Fixtures of tests that read a ledger: those of the reports."""

from __future__ import annotations

from tests.reporting.conftest import connection as connection
from tests.reporting.conftest import ledger as ledger
