"""The settings of corvus as a class of pydantic-settings, for programs that are built on it.

pydantic-settings lays the layers over each other, in the order of ``Layer``, and lets a subclass
put sources of its own between them. It does not read them: its own sources convert what strict
types refuse (``"90"``, ``yes``), pass over names that no key has, and know no place of a value
(2.16.3, tried 2026-11-28). Each source here is a document that our loader has read and judged.

``corvus check`` never comes here, nor do the commands: importing it takes longer than they do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import PrivateAttr
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from corvus.config.layers.load import Layers, load_layers
from corvus.config.layers.order import Layer
from corvus.config.layers.origins import EffectiveSetting, effective, layer_of
from corvus.config.model.settings import Settings
from corvus.config.toml.values import Table

_LAYERS = "_layers"


class DocumentSource(PydanticBaseSettingsSource):
    """What one file, variable or word of the command line sets, under canonical keys.

    Args:
        settings_cls: The class that is filled.
        layer: The layer that it belongs to.
        governed: Its governed tables.
    """

    def __init__(self, settings_cls: type[BaseSettings], layer: Layer, governed: Table) -> None:
        super().__init__(settings_cls)
        self.layer = layer
        self._governed = governed

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return what it says of one table."""
        del field
        return self._governed.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return all that it says."""
        return self._governed


class CorvusSettings(BaseSettings, Settings):  # pyright: ignore[reportIncompatibleVariableOverride]
    """The settings in force: defaults, files, environment, command line, keyword arguments (CFG-5).

    Args:
        config: Files named by the user, later ones over earlier ones; empty looks in the usual
            places (CFG-6).
        sets: ``KEY=VALUE`` words, as ``--set`` has them.
        environment: Variables to read; those of the process by default.
        **values: Tables of settings above all layers, such as ``cost={"enabled": True}``.

    Raises:
        ConfigError: A layer has errors; it carries all of them, each with its place.
        pydantic.ValidationError: A keyword argument, or a source of a subclass, is wrong.
    """

    model_config = SettingsConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )
    _read: Layers = PrivateAttr()

    def __init__(
        self,
        *,
        config: str | Path | Sequence[str | Path] = (),
        sets: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        **values: Any,
    ) -> None:
        files = (config,) if isinstance(config, str | Path) else config
        layers = load_layers(files, sets, os.environ if environment is None else environment)
        super().__init__(**{_LAYERS: layers}, **values)
        self._read = layers

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, highest first: keyword arguments, then ``Layer`` from its end.

        Those of pydantic-settings for variables, ``.env`` and secrets are left out: a name that no
        key has would be no error in them.
        """
        del env_settings, dotenv_settings, file_secret_settings
        assert isinstance(init_settings, InitSettingsSource), "pydantic-settings gives its own"
        values = cast("dict[str, Any]", init_settings.init_kwargs)
        loaded = cast("Layers", values.pop(_LAYERS)).loaded
        sources = [
            DocumentSource(settings_cls, layer_of(document), governed)
            for document, governed in zip(loaded.documents, loaded.governed, strict=True)
        ]
        ordered = (
            source
            for layer in reversed(Layer)
            for source in reversed(sources)
            if source.layer is layer
        )
        return (init_settings, *ordered)

    @property
    def origins(self) -> tuple[EffectiveSetting, ...]:
        """Every setting of the layers with where it came from; keyword arguments are no layer."""
        return effective(self._read.loaded)

    @property
    def shown(self) -> str:
        """Where the config comes from, in words for a person."""
        return self._read.located.shown
