"""Migration touches the deprecated key alone and needs no second run (DEP-4, DEP-5)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.config.check.documents import load_documents
from corvus.config.edit.migrate import LegacyCap, Migration, Plan, migrate_document
from corvus.config.toml.document import BOM, read_document

SHARED = Path(__file__).resolve().parents[4] / "shared" / "configs"
OLD = "max_cost_per_day_cents"
NEW = "max_actions_per_hour"


def _migrated(text: str, plan: Plan | None = None) -> Migration:
    migration, _ = migrate_document(text.encode(), "x.toml", plan or Plan())
    assert migration is not None
    return migration


def _after(text: str, plan: Plan | None = None) -> str:
    return _migrated(text, plan).after.decode()


CASES = {
    "alone": (f"[autonomy]\n{OLD} = 1_00 # why\n", f"[autonomy]\n{NEW} = 1_00 # why\n"),
    "both": (f"[autonomy]\n{NEW} = 2\n{OLD} = 3 # why\n", f"[autonomy]\n{NEW} = 2\n"),
    "inline": (
        f"autonomy = {{ {OLD}=1 , level='full'}}",
        f"autonomy = {{ {NEW}=1 , level='full'}}",
    ),
    "both inline": (f"autonomy = {{{OLD}=1, {NEW}=2}}", f"autonomy = {{{NEW}=2}}"),
    "dotted": (f"autonomy . '{OLD}' = 1\n", f"autonomy . '{NEW}' = 1\n"),
    "header below": (
        f"[autonomy]\n{OLD} = 1\n[cost]\n# {OLD} = 1\n",
        f"[autonomy]\n{NEW} = 1\n[cost]\n# {OLD} = 1\n",
    ),
    "both, a comment each": (
        f"[autonomy]\n# a\n{NEW} = 2 # b\n{OLD} = 3 # c\n# d\nlevel = 'full'\n",
        f"[autonomy]\n# a\n{NEW} = 2 # b\n# d\nlevel = 'full'\n",
    ),
    "both, CRLF, last": (
        f"[autonomy]\r\n{NEW} = 2\r\n  {OLD} = 3 # c",
        f"[autonomy]\r\n{NEW} = 2",
    ),
    "both dotted": (
        f"autonomy.{NEW} = 2\nautonomy.{OLD} = 3 # c\n\n[cost]\n",
        f"autonomy.{NEW} = 2\n\n[cost]\n",
    ),
    "both inline, a comment": (
        f"autonomy = {{ {NEW} = 2, {OLD} = 3 }} # of the table\n",
        f"autonomy = {{ {NEW} = 2 }} # of the table\n",
    ),
    "CRLF": (f"[autonomy]\r\n{OLD} = 1\r\n\r\n# end", f"[autonomy]\r\n{NEW} = 1\r\n\r\n# end"),
    "nothing to do": ("[autonomy]\nlevel = 'full'\n",) * 2,
}


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES)
def test_only_the_bytes_of_the_key_change(before: str, after: str) -> None:
    assert _after(before) == after
    assert not _migrated(after).is_pending


def test_a_byte_order_mark_stays() -> None:
    migration, _ = migrate_document(BOM + f"[autonomy]\n{OLD} = 1".encode(), "x.toml", Plan())
    assert migration is not None
    assert migration.after == BOM + f"[autonomy]\n{NEW} = 1".encode()


CAPS = {
    "a table": (
        "[cost]\nenabled = true\n\n# a\n[autonomy]\n",
        "[cost]\nenabled = true\n{}\n\n# a\n[autonomy]\n",
    ),
    "an empty table": ("[cost] # c\n[autonomy]\n", "[cost] # c\n{}\n[autonomy]\n"),
    "inline": (
        "cost = { enabled = true }\n[autonomy]\n",
        "cost = {{ enabled = true, {} }}\n[autonomy]\n",
    ),
    "empty inline": ("cost = {}\n[autonomy]\n", "cost = {{ {} }}\n[autonomy]\n"),
    "dotted": ("cost.enabled = true\n[autonomy]\n", "cost.enabled = true\ncost.{}\n[autonomy]\n"),
    "indented": (
        "[cost]\n  enabled = true\n[autonomy]\n",
        "[cost]\n  enabled = true\n  {}\n[autonomy]\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), CAPS.values(), ids=CAPS)
def test_a_cap_becomes_a_limit_beside_those_of_its_table(before: str, after: str) -> None:
    plan = Plan(cap=LegacyCap.DAILY_LIMIT)
    text = f"{before}{OLD} = 250\n"
    assert _after(text, plan) == after.format("daily_limit_usd = 2.5") + f"{NEW} = 250\n"


def test_a_cap_makes_the_table_that_is_missing() -> None:
    plan = Plan(cap=LegacyCap.DAILY_LIMIT)
    expected = f"[autonomy]\n{NEW} = 500\n\n[cost]\ndaily_limit_usd = 5\n"
    assert _after(f"[autonomy]\n{OLD} = 500\n", plan) == expected
    assert _after(f"[autonomy]\n{OLD} = 500", plan) == expected.removesuffix("\n")


@pytest.mark.parametrize(("limit", "cents"), [("0", 500), ("3", 500), (None, 0)])
def test_a_limit_that_is_set_and_a_cap_of_nothing_add_none(limit: str | None, cents: int) -> None:
    cost = "" if limit is None else f"[cost]\ndaily_limit_usd = {limit}\n"
    text = f"{cost}[autonomy]\n{OLD} = {cents}\n"
    plan = Plan(cap=LegacyCap.DAILY_LIMIT)
    assert _after(text, plan) == text.replace(OLD, NEW)


@pytest.mark.parametrize("value", ["'5'", "-1", "1.5", "true", "[]", "{}", "99999999999"])
def test_a_wrong_value_is_told_and_left_alone(value: str) -> None:
    text = f"[autonomy]\n{OLD} = {value}\n"
    migration, errors = migrate_document(text.encode(), "x.toml", Plan())
    assert migration is not None
    assert (migration.is_pending, len(errors)) == (False, 1)


def test_a_broken_file_is_told_and_left_alone() -> None:
    migration, errors = migrate_document(f"[autonomy]\n{OLD} = 1\nx =\n".encode(), "x", Plan())
    assert migration is None
    assert [error.code for error in errors] == ["syntax-error"]


def test_other_mistakes_of_the_file_do_not_stand_in_the_way() -> None:
    text = f"[cost]\nwarn_at_pct = 1\n[autonomy]\n{OLD} = 1\n"
    assert _after(text) == text.replace(OLD, NEW)


@pytest.mark.parametrize(("to", "pending"), [("0.0.9", False), ("0.1", True), ("1", True)])
def test_a_later_deprecation_waits(to: str, pending: bool) -> None:
    assert _migrated(f"[autonomy]\n{OLD} = 1\n", Plan(to=to)).is_pending is pending


_KEYS = ("level = 'full'", "workspace_only = true # c", "auto_approve = [\n  'a', # b\n]")
_LINES = st.lists(st.sampled_from(("", "# comment", f"# {OLD} = 1")), max_size=3)


@given(
    st.permutations([f"{OLD} = 7", f"{NEW} = 0x9", *_KEYS]),
    st.sets(st.integers(0, 4)),
    _LINES,
    st.sampled_from(("\n", "\r\n")),
    st.sampled_from(list(LegacyCap)),
)
def test_a_migrated_file_means_the_same_and_keeps_every_other_line(
    keys: list[str], left_out: set[int], comments: list[str], newline: str, cap: LegacyCap
) -> None:
    chosen = [key for index, key in enumerate(keys) if index not in left_out]
    lines = [*comments, "[autonomy]", *(line for key in chosen for line in (*comments, key)), ""]
    text = "\n".join(lines).replace("\n", newline)
    migration = _migrated(text, Plan(cap=cap))
    after = migration.after.decode()
    settings = [
        load_documents((document,)).settings
        for one in (text, after)
        for document in [read_document(one.encode(), "x")[0]]
        if document is not None
    ]
    assert settings[0] is not None
    if not any(change.daily_limit_usd for change in migration.changes):
        assert settings[0] == settings[1]
    gone = [line.partition(OLD)[2] for line in text.splitlines() if line.startswith(OLD)]
    lost = 0 if f"{NEW} =" not in text else sum("#" in line for line in gone)
    assert len(re.findall("#.*", after)) == len(re.findall("#.*", text)) - lost
    assert not _migrated(after, Plan(cap=cap)).is_pending
    assert migration.refused == ""
    kept = [line for line in text.split(newline) if line and not line.startswith(OLD)]
    assert [line for line in after.split(newline) if line in kept] == kept


@pytest.mark.skipif(not SHARED.is_dir(), reason="the configs of strangers are not here")
@pytest.mark.parametrize("cap", LegacyCap)
def test_the_configs_of_strangers_stay_as_they_are(cap: LegacyCap) -> None:
    """DEP-7: their runtime reads the old key, or nothing says which runtime does."""
    kept = 0
    for file in sorted(SHARED.glob("*.toml")):
        migration, _ = migrate_document(file.read_bytes(), file.name, Plan(cap=cap))
        assert migration is not None
        assert migration.refused == ""
        assert migration.after == migration.before
        kept += len(migration.kept)
    assert kept > 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="the configs of strangers are not here")
@pytest.mark.parametrize("cap", LegacyCap)
def test_rewritten_all_the_same_they_keep_comments_and_meaning(cap: LegacyCap) -> None:
    plan, pending = Plan(cap=cap, host_keys=True), 0
    for file in sorted(SHARED.glob("*.toml")):
        migration, _ = migrate_document(file.read_bytes(), file.name, plan)
        assert migration is not None
        assert migration.refused == ""
        pending += migration.is_pending
        before, after = migration.before.decode(), migration.after.decode()
        removed = set(before.splitlines()) - set(after.splitlines())
        assert all(line.strip().startswith(OLD) for line in removed)
        again, _ = migrate_document(migration.after, file.name, plan)
        assert again is not None
        assert not again.is_pending
    assert pending > 0


HOST_KEYS = ("[storage]\n", "[proxy]\nenabled = false\n", "[hooks]\n", "[memory]\nx = 1\n")


@given(
    st.sampled_from(("/srv/.zeroclaw/config.toml", "zeroclaw/a.toml", "zeroclaw.toml")),
    st.permutations([f"{OLD} = 7 # c", f"{NEW} = 9", *_KEYS]),
    st.sets(st.integers(1, 4)),
    st.lists(st.sampled_from(HOST_KEYS), unique=True),
    st.sampled_from(("\n", "\r\n")),
    st.sampled_from(list(LegacyCap)),
)
def test_a_file_that_its_host_reads_keeps_every_byte(
    file: str, keys: list[str], left_out: set[int], hosts: list[str], newline: str, cap: LegacyCap
) -> None:
    """DEP-7, whatever else the file holds: also both keys, equal ones, or the old one alone."""
    chosen = [key for index, key in enumerate(keys) if index not in left_out or key.startswith(OLD)]
    text = f"{''.join(hosts)}[autonomy]\n" + "\n".join((*chosen, ""))
    raw = text.replace("\n", newline).encode()
    migration, errors = migrate_document(raw, file, Plan(cap=cap))
    assert migration is not None
    assert migration.after == raw
    assert (len(migration.kept), migration.changes, errors) == (1, (), [])
    document, _ = read_document(raw, file)
    assert document is not None
    loaded = load_documents((document,))
    assert loaded.deprecated_fields == ()
    assert [found.severity for found in loaded.diagnostics] == ["note"]
    assert loaded.settings is not None
    assert loaded.settings.autonomy.max_actions_per_hour == (9 if f"{NEW} = 9" in chosen else 20)


def test_a_host_key_is_rewritten_when_the_user_wants_it() -> None:
    text = f"[storage]\n[proxy]\n[autonomy]\n{OLD} = 7 # c\n"
    assert _after(text) == text
    migration = _migrated(text, Plan(host_keys=True))
    assert migration.after.decode() == text.replace(OLD, NEW)
    (change,) = migration.changes
    assert change.reading is not None
    assert "does not load" in change.reading.without


@pytest.mark.parametrize("value", ["'5'", "-1", "1.5"])
def test_a_value_of_a_host_is_not_ours_to_judge(value: str) -> None:
    text = f"[storage]\n[proxy]\n[autonomy]\n{OLD} = {value}\n"
    migration, errors = migrate_document(text.encode(), "x.toml", Plan())
    assert migration is not None
    assert (migration.after, errors) == (text.encode(), [])
    assert _migrated(text, Plan(host_keys=True)).refused


def test_the_corvus_runtime_reads_the_key_as_corvus_does() -> None:
    text = f"default_temperature = 1\n[audio]\n[autonomy]\n{OLD} = 7\n"
    assert _after(text) == text.replace(OLD, NEW)
