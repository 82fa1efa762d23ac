"""Counts what became of the calls of a run, for the line that ends it (EVA-14)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from corvus.model.budget import Rung

if TYPE_CHECKING:
    from corvus.model.decision import Decision

_WORDS = {
    Rung.CAP: "capped",
    Rung.WAIT: "waited",
    Rung.DOWNGRADE: "went to another model",
    Rung.ASK: "approved by a person",
}


@dataclass
class Tally:
    """What was decided on the calls of one run.

    Attributes:
        last: The latest decision; ``None`` before the first.
        refused: Why the latest call was refused that no budget had to decide on.
        admitted: Calls that were let pass.
        denied: Calls that were refused by what governs them.
        ungoverned: Calls that passed while governance was off.
        waited_seconds: How long calls waited for the holds of others, in all.
        rungs: What was applied to let calls pass, by how many calls.
    """

    last: Decision | None = None
    refused: str | None = None
    admitted: int = 0
    denied: int = 0
    ungoverned: int = 0
    waited_seconds: float = 0.0
    rungs: Counter[Rung] = field(default_factory=Counter[Rung])

    def hear(self, verdict: Decision | str) -> None:
        """Take note of a decision, or of why a call came to none."""
        if isinstance(verdict, str):
            self.refused = verdict
            return
        self.last = verdict
        self.admitted += verdict.allowed
        self.denied += not verdict.allowed
        if verdict.allowed:
            self.rungs.update(set(verdict.rungs))
            self.waited_seconds += verdict.waited_seconds if Rung.WAIT in verdict.rungs else 0

    def hear_ungoverned(self) -> None:
        """Take note of a call that nothing decided on."""
        self.ungoverned += 1

    def line(self) -> str | None:
        """Return what was done to calls so that they fit; ``None`` when all passed as they were."""
        parts = [self._part(rung) for rung in Rung if self.rungs[rung]]
        if self.denied:
            parts.append(f"{self.denied} refused")
        if not parts:
            return None
        calls = self.admitted + self.denied
        return f"corvus: of {calls} call{'s' * (calls != 1)}, {', '.join(parts)}"

    def _part(self, rung: Rung) -> str:
        text = f"{self.rungs[rung]} {_WORDS[rung]}"
        if rung is Rung.WAIT:
            text += f" ({self.waited_seconds:.0f} s in all)"
        return text
