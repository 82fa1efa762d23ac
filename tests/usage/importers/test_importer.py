"""The formats are one list: each has a module, and commands and texts offer what is in it."""

from __future__ import annotations

from pathlib import Path

from corvus.cli.usage import SourceFormat
from corvus.usage import importers
from corvus.usage.importers import FORMATS
from corvus.usage.importers.generic import FIELDS
from corvus.usage.importers.importer import importer_named
from corvus.usage.importers.importer import importers as all_importers


def test_every_importer_is_in_the_list_under_its_own_name() -> None:
    assert [importer.name for importer in all_importers()] == list(FORMATS)
    modules = Path(next(iter(importers.__path__))).glob("*.py")
    with_importer = {
        module.stem for module in modules if "\nIMPORTER = " in module.read_text(encoding="utf-8")
    }
    assert with_importer == {name.replace("-", "_") for name in FORMATS}


def test_the_command_offers_every_format() -> None:
    assert [choice.value for choice in SourceFormat] == ["auto", *FORMATS]


def test_only_the_generic_format_takes_what_no_other_recognises() -> None:
    head = b'{"anything": 1}'
    assert [one.name for one in all_importers() if one.recognise(head)] == [FORMATS[-1]]
    assert importer_named("generic").recognise_columns({"anything"})


def test_a_tag_is_no_field_of_a_record() -> None:
    for importer in all_importers():
        assert not set(importer.tags) & set(FIELDS), importer.name
