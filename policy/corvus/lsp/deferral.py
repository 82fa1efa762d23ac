"""What an editor gets in the place of an edit that is made once its user has chosen it."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from corvus.config.toml.values import is_table


class RequestFailed(JsonRpcException):
    """A request that is sound, and has no answer (``RequestFailed`` of the protocol, 3.17)."""

    CODE: Final = -32803


class Remedy(Enum):
    """What is done about findings."""

    FIX = "fix"
    IGNORE = "ignore"
    FIX_ALL = "fix-all"


class Deferral(NamedTuple):
    """An edit that is made later.

    Attributes:
        remedy: What it does.
        uri: The file.
        version: Which version of its text it is an edit of.
        place: The finding that it is about, by its place among those of the text; -1 for all.
        code: The code of that finding.
    """

    remedy: Remedy
    uri: str
    version: int | None
    place: int = -1
    code: str = ""

    @property
    def data(self) -> dict[str, object]:
        """The same as JSON."""
        return {**self._asdict(), "remedy": self.remedy.value}

    @classmethod
    def read(cls, data: object) -> Deferral:
        """Read what an editor sends back.

        Raises:
            JsonRpcInvalidParams: No server of ours has written it.
        """
        match data if is_table(data) else None:
            case {
                "remedy": ("fix" | "ignore" | "fix-all") as remedy,
                "uri": str(uri),
                "version": (int() | None) as version,
                "place": int(place),
                "code": str(code),
            }:
                return cls(Remedy(remedy), uri, version, place, code)
            case _:
                raise JsonRpcInvalidParams("this is no code action of corvus")
