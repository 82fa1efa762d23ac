"""The formats are one list: each has a module, and commands and texts offer what is in it."""

from __future__ import annotations

from pathlib import Path

from corvus.cli.usage import SourceFormat
from corvus.usage import importers
from corvus.usage.importers import FORMATS, module_of
from corvus.usage.importers.columns import FIELDS
from corvus.usage.importers.importer import CopySummary, Notice, importer_named, write_records
from corvus.usage.importers.importer import importers as all_importers


def test_every_importer_is_in_the_list_under_its_own_name() -> None:
    assert [importer.name for importer in all_importers()] == list(FORMATS)
    folder = Path(next(iter(importers.__path__)))
    with_importer = {
        ".".join((importers.__name__, *module.relative_to(folder).with_suffix("").parts))
        for module in folder.rglob("*.py")
        if "\nIMPORTER = " in module.read_text(encoding="utf-8")
    }
    assert with_importer == {module_of(name) for name in FORMATS}


def test_the_command_offers_every_format() -> None:
    assert [choice.value for choice in SourceFormat] == ["auto", *FORMATS]


def test_only_the_generic_format_takes_what_no_other_recognises() -> None:
    head = b'{"anything": 1}'
    assert [one.name for one in all_importers() if one.recognise(head)] == [FORMATS[-1]]
    assert importer_named("generic").recognise_columns({"anything"})


def test_a_tag_is_no_field_of_a_record() -> None:
    for importer in all_importers():
        assert not set(importer.tags) & set(FIELDS), importer.name


def test_what_a_reader_says_is_counted_and_is_no_call(tmp_path: Path) -> None:
    found = [(1, iter([{"id": "a"}, Notice("odd")])), (2, iter([Notice("odd")])), (3, iter([]))]
    copied = write_records(found, tmp_path / "copy.jsonl", CopySummary())
    assert dict(copied.notes) == {"odd": 2}
    assert (list(copied.numbers), copied.other) == ([1], 2)
