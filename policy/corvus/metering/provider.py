"""The shape of all that is known of one provider's API (PRX-1, PRX-3, PRX-4).

Each file of ``corvus.metering.providers`` fills in one ``Provider``; proxy, SDK transports, guards,
config and ``corvus agent`` derive from it what they need, and name no provider themselves.

In the path of a route, a name in braces stands for one segment: ``{model}`` for the model that is
called, ``{id}`` for the id of something that is stored at the provider, ``{project}`` and
``{location}`` for those of the upstream.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from msgspec import Raw

from corvus.metering.abilities import Abilities, Vocabulary
from corvus.metering.openai.units import Unit
from corvus.metering.pictures import MOST_EXPENSIVE, Vision
from corvus.metering.tap import Tap
from corvus.model.gateway import Kind

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,199}")
"""What an id in a path may be, unless its provider has others."""

_SEGMENT = r"[^/?#]+"
_CONTINENTS = ("us", "eu")
_EVENTS = "text/event-stream"


class Credential(Enum):
    """How a provider is shown who pays."""

    HEADER = "header"
    """By a key in a header."""
    GOOGLE = "google"
    """By an access token of Google, which is renewed now and then."""
    AWS = "aws"
    """By a signature of each request (Signature Version 4)."""


class RequestOptions(Protocol):
    """What a tap must know of the client's own request."""

    @property
    def asks_usage(self) -> bool:
        """Whether a chat stream was to say what it used."""
        ...

    @property
    def is_stream(self) -> bool:
        """Whether the answer is to come as a stream."""
        ...

    @property
    def choices(self) -> int:
        """How many answers may come, >= 1."""
        ...

    @property
    def reads_text(self) -> bool:
        """Whether nothing but text can be read."""
        ...

    @property
    def writes_text(self) -> bool:
        """Whether nothing but text can be written."""
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
        takes_form: Its body may be a form with files.
    """

    method: str
    path: str
    takes_form: bool = False


class Form(Enum):
    """What the body of a request looks like, and so who reads it."""

    MESSAGES = "messages"
    """As at OpenAI and Anthropic: the type of a part says what it is."""

    GOOGLE = "google"
    """JSON of protocol buffers: contents have parts, and each name has a second spelling."""

    CONVERSE = "converse"
    """As at Bedrock: the name of a block says what it is."""

    INVOKE = "invoke"
    """Of any vendor whose model Bedrock invokes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Endpoint:
    """An endpoint whose calls are metered.

    Attributes:
        kind: Whose API it belongs to.
        path: As the gateway serves it; transports know it by its end, see ``end``.
        end: How a path ends at whatever base a vendor has; by default, ``path`` without version.
        body_tap: Makes the tap of an answer in one body. Errors come so even where a stream was
            requested.
        stream_tap: Makes the tap of a streamed answer.
        stream_types: Content types of a streamed answer, in lower case and without parameters.
        error_event: Returns an error as an event of a stream, which cannot change its status.
        headers: Those of a request that decide about its cost, in lower case.
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
        prompt: Member that holds the input in place of messages: texts, or numbers of tokens.
        unstated_maximum: What its API takes for the maximum where a request states none; it is
            stated then, for some servers take another.
        unit_of: Returns the most that one answer costs, where no maximum is stated at all;
            ``None`` for a model of which nobody knows. Its third argument is how many files or
            pictures are in the request.
        takes_form: Its requests may come as a form with files.
        streams_unless_told: Whether a request that says nothing of it is answered by a stream.
        is_foreign: It is another API's, which some servers of this kind have, too: an upstream of
            that API goes first.
        adds_hidden: The server may add text of its own to every request, such as a template.
        form: What its requests look like.
    """

    kind: Kind
    path: str
    end: str | None = None
    body_tap: Callable[[], Tap]
    stream_tap: Callable[[RequestOptions], Tap]
    stream_types: tuple[str, ...] = (_EVENTS,)
    error_event: Callable[[Fault], bytes]
    headers: tuple[str, ...] = ()
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
    prompt: str | None = None
    unstated_maximum: int | None = None
    unit_of: Callable[[str, Mapping[str, Raw], int], Unit | None] | None = None
    takes_form: bool = False
    streams_unless_told: bool = False
    is_foreign: bool = False
    adds_hidden: bool = False

    @property
    def may_be_capped(self) -> bool:
        """Whether its requests may state a maximum, so that it can be lowered."""
        return self.has_output and self.unit_of is None

    def streams(self, content_type: str, request: RequestOptions) -> bool:
        """Return whether an answer comes as a stream.

        Args:
            content_type: Of the answer, in lower case and without parameters; empty for none.
            request: What the client's own request said.
        """
        if not content_type:
            return request.is_stream
        return content_type in self.stream_types

    form: Form = Form.MESSAGES

    def spellings(self, name: str) -> tuple[str, ...]:
        """Return how a name of its bodies may be spelt, the usual way first."""
        other = re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)
        return (name, other) if self.form is Form.GOOGLE and other != name else (name,)

    def open_tap(self, request: RequestOptions, *, is_stream: bool) -> Tap:
        """Return a tap for one answer.

        Args:
            request: What the client's own request said, before usage was requested in its name.
            is_stream: Whether the answer comes as a stream, see ``streams``.
        """
        tap = self.stream_tap(request) if is_stream else self.body_tap()
        tap.reads_text, tap.writes_text = request.reads_text, request.writes_text
        return tap

    def maximum_name(self, model: str, provider: str | None) -> str:
        """Return under which name the maximum of one answer is stated."""
        return self.maximum_for(model, provider) if self.maximum_for else self.maxima[0]


class RefusedPath(NamedTuple):
    """A request that is refused for a reason of its own, which its answer says.

    Attributes:
        method: In capitals.
        path: As it is spelt.
        reason: Why, for a person.
    """

    method: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Provider:
    """A provider, by the API that it speaks.

    Attributes:
        kind: Its name in the config.
        maker: Its name in the price book.
        is_common: Whether other vendors speak its API, too, so that it does not say who bills.
        base_url: As its own SDK takes it; empty where every customer has one of its own.
        regional_url: That of a region or a location, which stands for ``{region}``.
        continental_url: Likewise, where ``us`` and ``eu`` have one of their own kind.
        versions: What its paths may begin with, such as ``/v1``; the first is the one that is
            listed, and meant where a client leaves it out. Empty for an API without versions.
        has_versioned_base: Whether its own SDK takes a base URL with the version.
        key_variable: Environment variable in which its SDK looks for the key; ``None`` for none.
        base_variables: Variables in which SDKs and agents look for the base URL.
        former_base_variables: Variables in which older ones do; set only where they are.
        log_in_variables: Variables by which its agents log in by themselves.
        bypass_variables: Switches that lead its agents past a base URL.
        credential: How it is shown who pays.
        credential_header: Header that carries the key, in lower case.
        credential_scheme: What stands before the key.
        client_header: Header that only clients of this API send, in lower case, if there is one.
        client_path: What only paths of this API contain, also those that are no routes.
        error: Returns the body of an error as its clients read it.
        error_headers: Returns the headers that come with it.
        ids: What a model or another id in a path may be, decoded.
        path_characters: What its SDKs write as it is in a segment of a path.
        endpoints: What is metered.
        free: What is passed on without charge, spelt exactly.
        base_ends: What its own SDK may put behind a base URL, which paths begin with anyway.
        free_ends: Ends of further paths to which a POST costs nothing, for transports.
        refused: What is refused with a reason of its own.
        takes_query: Returns whether a query leaves an answer in a form that can be metered.
        kept_headers: Headers of clients that go no further, in lower case: they hide what an answer
            used, or name who pays.
        longest_answers: Most output tokens by the start of a model's name, thinking included; the
            first pattern that matches counts.
        visions: How its models count pictures, likewise.
        abilities: What its models can do, by patterns of whole names.
    """

    kind: Kind
    maker: str
    is_common: bool = False
    base_url: str
    regional_url: str | None = None
    continental_url: str | None = None
    versions: tuple[str, ...]
    has_versioned_base: bool
    key_variable: str | None
    base_variables: tuple[str, ...]
    former_base_variables: tuple[str, ...] = ()
    log_in_variables: tuple[str, ...] = ()
    bypass_variables: tuple[str, ...] = ()
    credential: Credential = Credential.HEADER
    credential_header: str
    credential_scheme: str = ""
    client_header: str | None = None
    client_path: re.Pattern[str] | None = None
    error: Callable[[Fault], dict[str, object]]
    error_headers: Callable[[Fault], Mapping[str, str]] = lambda _: {}
    ids: re.Pattern[str] = WORD
    path_characters: str = ":@"
    endpoints: tuple[Endpoint, ...]
    free: tuple[FreePath, ...]
    base_ends: tuple[str, ...] = ()
    free_ends: tuple[str, ...] = ()
    refused: tuple[RefusedPath, ...] = ()
    takes_query: Callable[[str], bool] = lambda _: True
    kept_headers: tuple[str, ...] = ()
    longest_answers: tuple[tuple[str, int], ...] = ()
    visions: tuple[tuple[str, Vision], ...] = ()
    abilities: tuple[tuple[re.Pattern[str], Abilities], ...] = ()

    @property
    def version(self) -> str:
        """The version that its paths are listed with; empty for none."""
        return self.versions[0] if self.versions else ""

    def own_url(self, region: str | None) -> str:
        """Return its own base URL, in a region or a location if it has any."""
        if self.regional_url is None or region in (None, "global"):
            return self.base_url
        is_large = self.continental_url is not None and region in _CONTINENTS
        template = self.continental_url if is_large else self.regional_url
        return (template or self.regional_url).replace("{region}", region)

    def base_at(self, root: str) -> str:
        """Return the base URL that its clients are given for a server at a root."""
        return root + self.version if self.has_versioned_base else root

    def address(self, base_url: str, path: str) -> str:
        """Return the address of a path.

        A base URL that ends in a version has the last word on it.

        Args:
            base_url: As its own SDK takes it.
            path: As the gateway serves it, with one of the versions.
        """
        base = base_url.rstrip("/")
        base = base.removesuffix(next(filter(base.endswith, self.base_ends), ""))
        version = next((each for each in self.versions if path.startswith(f"{each}/")), "")
        if not version and self.has_versioned_base:
            return base.removesuffix(self.version) + path
        if self.has_versioned_base:
            return base + path.removeprefix(version)
        named = next((each for each in self.versions if base.endswith(each)), None)
        return base + (path if named is None else path.removeprefix(version))


def pattern_of(path: str) -> str:
    """Return the pattern of a path, with a group for each segment that is named in braces."""
    return re.sub(r"\\{(\w+)\\}", rf"(?P<\1>{_SEGMENT})", re.escape(path))


def error_event(body: Mapping[str, object], name: str = "") -> bytes:
    """Return an error as a server-sent event, of a name where the API has names."""
    head = b"event: %s\n" % name.encode() if name else b""
    return b"%sdata: %s\n\n" % (head, json.dumps(body).encode())
