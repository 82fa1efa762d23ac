"""The typed table ``[governance.signin]``: how clients log in at the gateway (PRX-8)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from corvus.config.model.fields import FilePath, HttpUrl, StrictTable, Text, Variable, about

_MINUTES_MAX, _DAYS_MAX = 60, 365


class GroupSettings(StrictTable):
    """What people of a group get."""

    group: Annotated[
        Text, about("Name of a group as the provider's tokens have it, or a glob; `*`: everybody.")
    ]
    project: Annotated[
        Text | None, about("Project of their calls. Left out: the calls say their project.")
    ] = None


class OidcSettings(StrictTable):
    """The company's OpenID provider."""

    issuer: Annotated[
        HttpUrl, about("URL of the provider as its tokens say it, letter by letter; https://.")
    ]
    client_id: Annotated[Text, about("Name under which the gateway is registered there.")]
    client_secret_env: Annotated[
        Variable | None,
        about(
            "Name of the environment variable that holds the secret of the client; never the "
            "secret. Left out: a public client, by PKCE alone."
        ),
    ] = None
    scopes: Annotated[
        list[Text], about("Scopes of the request to the provider; openid among them.")
    ] = Field(default_factory=lambda: ["openid", "email", "profile"])
    user_claim: Annotated[
        Text,
        about("Claim that is the user of calls; one that people cannot choose for themselves."),
    ] = "email"
    groups_claim: Annotated[Text, about("Claim with the groups of a person: texts, or one.")] = (
        "groups"
    )
    groups: Annotated[
        list[GroupSettings],
        Field(min_length=1),
        about("Who may log in; the first that fits counts, and whom none fits is refused."),
    ]


class SignInSettings(StrictTable):
    """How Claude Code, and whoever speaks its gateway protocol, logs in at the gateway."""

    enabled: Annotated[bool, about("Whether clients may log in.")] = True
    url: Annotated[
        HttpUrl | None,
        about(
            "Where people and clients reach the gateway, such as https://corvus.example.org, "
            "without a path. Its host and origin are served. Left out: the host that they call."
        ),
    ] = None
    access_minutes: Annotated[
        int,
        Field(ge=1, le=_MINUTES_MAX),
        about(f"Minutes that an access token is good, 1 to {_MINUTES_MAX}; clients renew it."),
    ] = _MINUTES_MAX
    lifetime_days: Annotated[
        int,
        Field(ge=1, le=_DAYS_MAX),
        about(f"Days after which somebody logs in again, 1 to {_DAYS_MAX}."),
    ] = 7
    trusted_proxies: Annotated[
        list[Text],
        about(
            "Addresses and networks of reverse proxies whose X-Forwarded-For is believed, to "
            "count the tries of each address."
        ),
    ] = Field(default_factory=list[str])
    managed_settings: Annotated[
        FilePath | None,
        about(
            "JSON file with the managed settings of Claude Code, which clients that have logged in "
            "are given. Left out: none."
        ),
    ] = None
    oidc: Annotated[
        OidcSettings | None,
        about("OpenID provider that people may log in at. Left out: by a token of corvus alone."),
    ] = None
