"""The shape of all that is known of one provider's API (PRX-1, PRX-3, PRX-4).

Each file of ``corvus.metering.providers`` fills in one ``Provider``; proxy, SDK transports, guards,
config and ``corvus agent`` derive from it what they need, and name no provider themselves.

In the path of a route, ``{model}`` stands for the model that is called, and ``{id}`` for the id of
something that is stored at the provider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from corvus.metering.abilities import Abilities, Vocabulary
from corvus.metering.pictures import MOST_EXPENSIVE, Vision
from corvus.metering.tap import Tap
from corvus.model.gateway import Kind

_WORD = r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}"


class RequestOptions(Protocol):
    """What a tap must know of the client's own request."""

    @property
    def asks_usage(self) -> bool:
        """Whether a chat stream was to say what it used."""
        ...

    @property
    def choices(self) -> int:
        """How many answers may come, >= 1."""
        ...


class Fault(NamedTuple):
    """An error of ours, to be put in a provider's words.

    Attributes:
        status: HTTP status.
        code: Stable name of what is wrong.
        message: What is wrong and what to do, for a person.
        corvus: Members for programs.
    """

    status: int
    code: str
    message: str
    corvus: Mapping[str, object]


class FreePath(NamedTuple):
    """A request that is passed on without charge.

    Attributes:
        method: In capitals.
        path: As it is spelt.
    """

    method: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Endpoint:
    """An endpoint whose calls are metered.

    Attributes:
        kind: Whose API it belongs to.
        path: As the gateway serves it; transports know it by its end, see ``end``.
        end: How a path ends at whatever base a vendor has; by default, ``path`` without version.
        body_tap: Makes the tap of an answer in one body. Errors come so even where a stream was
            requested.
        stream_tap: Makes the tap of an answer in server-sent events.
        error_event: Returns an error as an event of a stream, which cannot change its status.
        maxima: Names that its API defines for the longest answer.
        maximum_for: Returns under which of them a provider reads the maximum of a model; by
            default, the first.
        maxima_in: Object of the body in which they stand; ``None`` is the body itself.
        is_stream: Whether the answer comes as events; ``None`` where the body says so.
        has_output: Whether a model writes the answer; vectors are none.
        usage_by_option: A stream says what it used only when ``stream_options`` requests it.
        caches_unasked: Input may be written to a cache although the request does not say so.
        may_be_socket: Clients try to open a websocket at its path, which is refused by name.
        unknown_vision: How a model of no known family counts pictures.
        needs_maximum: Its API refuses a request without a maximum.
        vocabulary: Which of its words are which feature; without one, no call of it is made with
            another model than its own.
    """

    kind: Kind
    path: str
    end: str | None = None
    body_tap: Callable[[], Tap]
    stream_tap: Callable[[RequestOptions], Tap]
    error_event: Callable[[Fault], bytes]
    maxima: tuple[str, ...] = ()
    maximum_for: Callable[[str, str | None], str] | None = None
    maxima_in: str | None = None
    is_stream: bool | None = None
    has_output: bool = True
    usage_by_option: bool = False
    caches_unasked: bool = True
    may_be_socket: bool = False
    unknown_vision: Vision = MOST_EXPENSIVE
    needs_maximum: bool = False
    vocabulary: Vocabulary | None = None

    def open_tap(self, request: RequestOptions, *, is_stream: bool) -> Tap:
        """Return a tap for one answer.

        Args:
            request: What the client's own request said, before usage was requested in its name.
            is_stream: Whether the answer is ``text/event-stream``.
        """
        return self.stream_tap(request) if is_stream else self.body_tap()

    def maximum_name(self, model: str, provider: str | None) -> str:
        """Return under which name the maximum of one answer is stated."""
        return self.maximum_for(model, provider) if self.maximum_for else self.maxima[0]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Provider:
    """A provider, by the API that it speaks.

    Attributes:
        kind: Its name in the config.
        maker: Its name in the price book.
        base_url: As its own SDK takes it.
        version: What its paths begin with, such as ``/v1``.
        has_versioned_base: Whether its own SDK takes a base URL with the version.
        key_variable: Environment variable in which its SDK looks for the key.
        base_variables: Variables in which SDKs and agents look for the base URL.
        former_base_variables: Variables in which older ones do; set only where they are.
        log_in_variables: Variables by which its agents log in by themselves.
        bypass_variables: Switches that lead its agents past a base URL.
        credential_header: Header that carries the key, in lower case.
        credential_scheme: What stands before the key.
        client_header: Header that only clients of this API send, in lower case, if there is one.
        error: Returns the body of an error as its clients read it.
        endpoints: What is metered.
        free: What is passed on without charge, spelt exactly.
        free_ends: Ends of further paths to which a POST costs nothing, for transports.
        longest_answers: Most output tokens by the start of a model's name, thinking included; the
            first pattern that matches counts.
        visions: How its models count pictures, likewise.
        abilities: What its models can do, by patterns of whole names.
    """

    kind: Kind
    maker: str
    base_url: str
    version: str
    has_versioned_base: bool
    key_variable: str
    base_variables: tuple[str, ...]
    former_base_variables: tuple[str, ...] = ()
    log_in_variables: tuple[str, ...] = ()
    bypass_variables: tuple[str, ...] = ()
    credential_header: str
    credential_scheme: str = ""
    client_header: str | None = None
    error: Callable[[Fault], dict[str, object]]
    endpoints: tuple[Endpoint, ...]
    free: tuple[FreePath, ...]
    free_ends: tuple[str, ...] = ()
    longest_answers: tuple[tuple[str, int], ...] = ()
    visions: tuple[tuple[str, Vision], ...] = ()
    abilities: tuple[tuple[re.Pattern[str], Abilities], ...] = ()

    def base_at(self, root: str) -> str:
        """Return the base URL that its clients are given for a server at a root."""
        return root + self.version if self.has_versioned_base else root

    def address(self, base_url: str, path: str) -> str:
        """Return the address of a path.

        Args:
            base_url: As its own SDK takes it.
            path: As the gateway serves it, with the version.
        """
        base = base_url.rstrip("/")
        if not self.has_versioned_base:
            base = base.removesuffix(self.version) + self.version
        return base + path.removeprefix(self.version)


def pattern_of(path: str) -> str:
    """Return the pattern of a path; the group ``model`` is the model that it names."""
    pattern = re.escape(path).replace(r"\{id\}", _WORD)
    return pattern.replace(r"\{model\}", f"(?P<model>{_WORD})")


def error_event(body: Mapping[str, object], name: str = "") -> bytes:
    """Return an error as a server-sent event, of a name where the API has names."""
    head = b"event: %s\n" % name.encode() if name else b""
    return b"%sdata: %s\n\n" % (head, json.dumps(body).encode())
