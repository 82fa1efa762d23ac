"""What goes wrong at a provider: what its client is shown, and what the operator learns."""

from __future__ import annotations

from corvus.calls.refusal import Refusal

_BAD_GATEWAY = 502
_CAUSE_MAX = 300


class UpstreamFailed(Exception):
    """The provider did not answer as it should; the client may try again.

    Attributes:
        refusal: What the client gets in place of an answer.
        may_be_elsewhere: Whether another upstream may be tried: not after a long silence, when the
            client has waited for long and the provider may be at work.
        cause: Why, for the operator alone.

    Args:
        status: 502, or 504 when it was silent for too long.
        code: Stable name of what is wrong.
        message: What is wrong, for a person.
        cause: What raised it, if anything did.
    """

    def __init__(
        self, status: int, code: str, message: str, cause: BaseException | None = None
    ) -> None:
        super().__init__(message)
        self.cause = message if cause is None else f"{message}: {_words(cause)}"
        self.refusal = Refusal(status, code, message, may_retry=True)
        self.may_be_elsewhere = status == _BAD_GATEWAY


def unreachable(cause: BaseException) -> UpstreamFailed:
    """Return the fault of a provider to whom there is no connection."""
    return UpstreamFailed(502, "upstream_unreachable", "the provider cannot be reached", cause)


def unread(cause: BaseException | None = None) -> UpstreamFailed:
    """Return the fault of one that closed, or sent no HTTP, in place of an answer."""
    detail = "the provider gave no answer that can be read"
    return UpstreamFailed(502, "upstream_broken", detail, cause)


def cut_off() -> UpstreamFailed:
    """Return the fault of one whose answer has begun and does not come to its end."""
    return UpstreamFailed(502, "upstream_broken", "the provider ended its answer early")


def silent() -> UpstreamFailed:
    """Return the fault of one that sent nothing for too long."""
    return UpstreamFailed(504, "upstream_silent", "the provider sent nothing for too long")


def _words(fault: BaseException) -> str:
    """Return what a fault is, by the system or by TLS.

    Other faults may hold bytes of an answer: of them, the kind alone.
    """
    within = getattr(fault, "os_error", None) or getattr(fault, "certificate_error", None) or fault
    if not isinstance(within, OSError):
        return type(fault).__name__
    return " ".join(f"{type(within).__name__}: {within}".split())[:_CAUSE_MAX]
