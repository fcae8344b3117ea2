"""Configuration, from the environment (prefix ``MODELFOLIO_``) or ``modelfolio.toml``."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings import SettingsError as UnreadableSettingError

from data_access.trigger_targets import TriggerTarget
from monitoring.errors import SettingsError

PREFIX = "MODELFOLIO_"
UNREADABLE = re.compile(r'field "(\w+)"')
CONNECTION = re.compile(r"MODELFOLIO_CONNECTION_(\w+)", re.IGNORECASE)


class Settings(BaseSettings):
    """Where things are kept and what day it is; see DESIGN section 3."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, toml_file="modelfolio.toml", extra="ignore")

    home: Path = Path(".modelfolio")
    registry_url: SecretStr | None = None
    log_url: SecretStr | None = None
    audit_key: SecretStr | None = None
    anchor_file: Path | None = None
    settle_hours: float = 3.0
    lease_seconds: float = Field(default=60.0, ge=1)
    overdue_minutes: float = Field(default=30.0, gt=0)
    as_of: date | None = None
    demo_sign_in: bool = False
    trigger_targets: tuple[TriggerTarget, ...] = ()
    trigger_silence_hours: float = Field(default=3.0, gt=0)
    report_token: SecretStr | None = Field(default=None, min_length=16)
    connections: dict[str, SecretStr] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over ``modelfolio.toml``."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def model_post_init(self, context: Any, /) -> None:
        """Collect ``MODELFOLIO_CONNECTION_<NAME>``; names are case-insensitive."""
        del context
        named = {name.lower(): url for name, url in self.connections.items()}
        for key, value in os.environ.items():
            if match := CONNECTION.fullmatch(key):
                named[match.group(1).lower()] = SecretStr(value)
        self.connections = named

    def registry_address(self) -> str:
        """Return the SQLAlchemy URL of the registry."""
        return self.registry_url.get_secret_value() if self.registry_url else f"sqlite:///{self.home / 'registry.db'}"

    def log_address(self) -> str:
        """Return the SQLAlchemy URL of the default store of prediction logs."""
        return self.log_url.get_secret_value() if self.log_url else f"sqlite:///{self.home / 'predictions.db'}"

    def connection_addresses(self) -> dict[str, str]:
        """Return the named connections' SQLAlchemy URLs; ``default`` is the default store."""
        named = {name: url.get_secret_value() for name, url in self.connections.items()}
        return named | {"default": self.log_address()}

    def now(self) -> datetime:
        """Return the present: the end of ``AS_OF`` (with settling over) when it is set, else the machine's clock."""
        if self.as_of is not None:
            return datetime(self.as_of.year, self.as_of.month, self.as_of.day, tzinfo=UTC) + timedelta(days=1)
        return datetime.now(UTC)


def load_settings() -> Settings:
    """Read the configuration; a wrong value becomes one sentence that names it and never shows a secret."""
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"setting {PREFIX}{name.upper()}: {first['msg']}") from None
    except UnreadableSettingError as error:
        found = UNREADABLE.search(str(error))
        name = found.group(1).upper() if found else ""
        raise SettingsError(f"setting {PREFIX}{name}: it is a list or a table, to be written as JSON") from None
    if len({target.name for target in settings.trigger_targets}) < len(settings.trigger_targets):
        raise SettingsError(f"setting {PREFIX}TRIGGER_TARGETS: two targets have the same name")
    settings.home.mkdir(parents=True, exist_ok=True)
    return settings
