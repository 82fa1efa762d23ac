"""Reports are found by full or short name, also in a user's own folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from corvus.base.errors import ReportInvalid, ReportNotFound
from corvus.reporting.catalog import load_catalog

OWN = """-- title: Own
-- summary: One row.
-- column: calls BIGINT calls
-- reads: usage_record
SELECT COUNT(*) AS calls FROM usage_record;
"""


def test_report_is_found_by_full_and_by_short_name() -> None:
    catalog = load_catalog()
    assert catalog.find("by-model") is catalog.find("spend/by-model")


def test_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        ReportNotFound, match=r"no report 'by-modle'; did you mean spend/by-model\?"
    ):
        load_catalog().find("by-modle")


def test_name_that_resembles_none_is_refused_with_all() -> None:
    with pytest.raises(ReportNotFound, match=r"there are: audit/overrides, "):
        load_catalog().find("zzzzzzzz")


def test_name_cannot_lead_out_of_the_folders(tmp_path: Path) -> None:
    (tmp_path / "secret.sql").write_text(OWN)
    (tmp_path / "reports").mkdir()
    with pytest.raises(ReportNotFound):
        load_catalog(tmp_path / "reports").find("../secret")


def test_reports_of_an_own_folder_are_added_and_shadow_the_shipped(tmp_path: Path) -> None:
    (tmp_path / "spend").mkdir()
    (tmp_path / "spend" / "by-model.sql").write_text(OWN)
    (tmp_path / "mine.sql").write_text(OWN)
    (tmp_path / "notes.txt").write_text("no report")
    (tmp_path / ".hidden.sql").write_text(OWN)
    catalog = load_catalog(tmp_path)
    assert catalog.find("by-model").header.title == "Own"
    assert catalog.find("mine").origin == "user"
    assert set(catalog.reports) == {*load_catalog().reports, "mine"}


def test_short_name_of_two_reports_is_refused_with_both(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "by-model.sql").write_text(OWN)
    with pytest.raises(ReportNotFound, match="several reports: spend/by-model, team/by-model"):
        load_catalog(tmp_path).find("by-model")


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportNotFound, match="no folder"):
        load_catalog(tmp_path / "absent")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"-- title: a\n-- summary: \xff\n", "bad.sql:2: the file is not UTF-8"),
        (b"-- x\n" * 300_000, "1 MiB at most"),
    ],
)
def test_unreadable_file_is_refused_only_when_it_is_asked_for(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "bad.sql").write_bytes(content)
    report = load_catalog(tmp_path).find("bad")
    with pytest.raises(ReportInvalid, match=message):
        _ = report.header
