"""How a call may be changed before it is made, so that its budgets have room for it (EVA-14).

The governor decides in one transaction which form of a call is admitted; the maker of the call
knows what can be changed about it, and says so with ``Offers``. Offers are pure: they are taken
while a transaction is open, more than once for one call, and read no clock, file or network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from corvus.model.request import Request


class Room(NamedTuple):
    """What all budgets that may refuse a call have left for it.

    Attributes:
        nano_usd: >= 0; ``None`` where no budget limits what the call costs.
        tokens: >= 0, of all kinds; ``None`` where no budget limits its tokens.
    """

    nano_usd: int | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """One form of a call.

    Attributes:
        request: The call as it is put to the budgets: its estimate is what is held for it.
        output_cap_tokens: The maximum of one answer that is stated in its name; ``None`` where its
            own stands.
    """

    request: Request
    output_cap_tokens: int | None = None


class Offers(Protocol):
    """What the maker of a call can change about it."""

    def cap(self, request: Request, room: Room, least_tokens: int) -> Offer | None:
        """Return the same call with the largest maximum that costs no more than there is room for.

        Args:
            request: The call, or a form of it that ``downgrade`` has returned.
            room: What its budgets have left.
            least_tokens: Smallest maximum of one answer that is worth a call; a request that states
                a thinking budget needs at least that and 1,024 on top.

        Returns:
            ``None`` where no such maximum fits, or the request has none that could be lowered.
        """
        ...

    def downgrade(self, model: str) -> Offer | None:
        """Return the same call for another model of the same API.

        Args:
            model: As the policy names it.

        Returns:
            ``None`` where something that the request uses is not known to exist for that model.
        """
        ...
