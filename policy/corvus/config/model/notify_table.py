"""The typed table ``[[governance.notify]]`` of the settings (OBS-4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from corvus.config.model.fields import HttpUrl, Slug, StrictTable, Text, Variable, about
from corvus.model.notify import DEFAULT_TOPICS, Topic
from corvus.wording.words import LANGUAGES

if TYPE_CHECKING:
    _Topic: TypeAlias = str
    _Language: TypeAlias = str
else:
    _Topic = Literal[tuple(topic.value for topic in Topic)]
    _Language = Literal[tuple(LANGUAGES)]


class NotifySettings(StrictTable):
    """A place that notifications are sent to: a webhook, or a service that apprise knows."""

    name: Annotated[
        Slug, about("Unique name: lower-case letters, digits, `-`, `_`; at most 64 characters.")
    ]
    url: Annotated[
        HttpUrl | None,
        about("URL of a webhook without a secret in it, https://; http:// to this machine only."),
    ] = None
    url_env: Annotated[
        Variable | None,
        about("Name of the environment variable that holds the URL of a webhook; never the URL."),
    ] = None
    apprise_env: Annotated[
        Variable | None,
        about("Name of the environment variable that holds a URL of apprise; never the URL."),
    ] = None
    secret_env: Annotated[
        Variable | None,
        about(
            "Name of the environment variable that holds the secret by which messages to a webhook "
            "are signed; never the secret. Left out: they are not signed."
        ),
    ] = None
    events: Annotated[
        list[_Topic],
        about(f"What is sent: {'; '.join(f'{topic}, {topic.about}' for topic in Topic)}."),
    ] = Field(default_factory=lambda: [topic.value for topic in DEFAULT_TOPICS])
    budgets: Annotated[
        list[Text],
        about("Globs of names: what is about a budget is sent for these alone. Empty: for all."),
    ] = Field(default_factory=list[str])
    format: Annotated[
        Literal["corvus", "slack"],
        about("Form of a message to a webhook: JSON of corvus, or of Slack's incoming webhooks."),
    ] = "corvus"
    language: Annotated[_Language, about("Language of the texts in a message.")] = "en"
    gateway_url: Annotated[
        HttpUrl | None,
        about(
            "Where people reach the gateway, for links in messages, such as "
            "https://corvus.example.org. Left out: messages have no links."
        ),
    ] = None
    allow_http: Annotated[
        bool, about("Whether the webhook may be at another machine without encryption.")
    ] = False
