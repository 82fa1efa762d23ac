"""The schemas that ship with corvus, by name (SCH-1).

Their texts are the files of ``schemas/``; nothing is made here. A config schema has a short name,
that of its dialect.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from corvus.base.links import schema_url
from corvus.base.resources import shipped

CONFIG: Final = "config."
"""What the names of the schemas of configs start with."""
_SUFFIX = ".schema.json"


@dataclass(frozen=True, slots=True)
class PublishedSchema:
    """A schema as it is published.

    Attributes:
        name: As in its file name and its address.
        text: JSON, as in the file.
    """

    name: str
    text: str

    @property
    def short_name(self) -> str:
        """The name without ``config.``."""
        return self.name.removeprefix(CONFIG)

    @property
    def is_of_config(self) -> bool:
        """Whether it is about TOML that people write; ``corvus check`` judges that better."""
        return self.name.startswith(CONFIG)

    @property
    def url(self) -> str:
        """Its ``$id``."""
        return schema_url(self.name)

    @property
    def document(self) -> dict[str, Any]:
        """The schema as data."""
        return json.loads(self.text)

    @property
    def title(self) -> str:
        """What a document of it is, in a few words."""
        return str(self.document.get("title", self.name))


@cache
def published_schemas() -> dict[str, PublishedSchema]:
    """Return every schema by its short name, those of configs first.

    Raises:
        ResourceMissing: The wheel was built wrong.
    """
    files = [file for file in shipped("schemas").iterdir() if file.name.endswith(_SUFFIX)]
    found = [
        PublishedSchema(file.name.removesuffix(_SUFFIX), file.read_text(encoding="utf-8"))
        for file in files
    ]
    first = f"{CONFIG}native"
    found.sort(key=lambda schema: (schema.name != first, not schema.is_of_config, schema.name))
    return {schema.short_name: schema for schema in found}


def find_schema(name: str) -> PublishedSchema | None:
    """Return a schema by its short or its whole name; ``None`` where none has it."""
    schemas = published_schemas().values()
    return next((one for one in schemas if name in (one.name, one.short_name)), None)
