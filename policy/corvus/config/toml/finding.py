"""What is wrong at one place of a document, before it has a file and positions.

Whatever finds a mistake makes one of these: the reader of TOML, which knows offsets, and the rules
for settings, which know routes. ``Document.span`` and ``explain`` turn both into diagnostics.
"""

from __future__ import annotations

from corvus.base.record import Record
from corvus.config.toml.values import Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from corvus.diagnostics.model import Fix


class Stretch(Record):
    """What stands between two offsets of the text, the end exclusive."""

    start: int
    end: int


class KeyOf(Record):
    """The key token at the end of a route."""

    route: Route


class ValueOf(Record):
    """The value at a route."""

    route: Route


Place: TypeAlias = Stretch | KeyOf | ValueOf


class Finding(Record):
    """One mistake.

    Attributes:
        code: Its entry in ``corvus.config.check.codes``.
        message: One sentence that names the key and the value.
        place: What the caret stands under.
        label: A few words at the caret.
        help: What to do, one sentence each.
        related: Other places, and what each has to do with it.
        path: Route of the key in whose line it was found; that of a place by route is its own.
        fix: Edits that would mend it, made by ``corvus.config.check.fixes``.
    """

    code: str
    message: str
    place: Place
    label: str = ""
    help: tuple[str, ...] = ()
    related: tuple[tuple[Place, str], ...] = ()
    path: Route = ()
    fix: Fix | None = None

    @property
    def route(self) -> Route:
        """The route of the key that it is about; empty where no key is known."""
        return self.path if isinstance(self.place, Stretch) else self.place.route

    @property
    def start(self) -> int:
        """The offset at which it stands; only for a place by offsets."""
        assert isinstance(self.place, Stretch), "it is placed by a route"
        return self.place.start
