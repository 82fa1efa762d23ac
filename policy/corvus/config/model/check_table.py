"""The table ``[governance.check]``: how ``corvus check`` reports, and what it looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from corvus.config.model.dialects import DIALECTS
from corvus.config.model.fields import StrictTable, Text, about
from corvus.diagnostics.codes import LEVELS

if TYPE_CHECKING:
    _Level: TypeAlias = str
    _Dialect: TypeAlias = str
else:
    _Level = Annotated[
        Literal[LEVELS], Field(description="What the findings of the code count as; off: none.")
    ]
    _Dialect = Annotated[
        Literal[tuple(dialect.value for dialect in DIALECTS)],
        Field(description="What files that match are checked as."),
    ]


class CheckSettings(StrictTable):
    """How files below the folder of this one are checked."""

    severity: Annotated[
        dict[str, _Level],
        about(
            "How much the findings of a code matter, by code, such as limit-never-binds. Errors "
            "that make a file unusable stay errors."
        ),
        Field(json_schema_extra={"$comment": "Which codes there are is for corvus check to say."}),
    ] = Field(default_factory=dict[str, _Level])
    exclude: Annotated[
        list[Text],
        about(
            "Files and folders that a search leaves out, as patterns of .gitignore, relative to "
            "the folder of this file; in addition to the usual ones, such as node_modules."
        ),
    ] = Field(default_factory=list[Text])
    dialect: Annotated[
        dict[str, _Dialect],
        about(
            "What files are checked as, by pattern of .gitignore relative to the folder of this "
            "file. Of several that match, the last counts. Left out: decided by the file."
        ),
    ] = Field(default_factory=dict[str, _Dialect])
