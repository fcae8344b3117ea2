"""Configuration, from the environment (prefix ``MODELFOLIO_``) or ``modelfolio.toml``."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, IPvAnyNetwork, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as UnreadableSettingError

from data_access.trigger_targets import TriggerTarget
from monitoring.errors import SettingsError

PREFIX = "MODELFOLIO_"
HEADER_NAME = r"^[A-Za-z0-9-]+$"
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
    proxy_header: str | None = Field(default=None, pattern=HEADER_NAME)
    proxy_secret: SecretStr | None = Field(default=None, min_length=16)
    proxy_secret_header: str = Field(default="X-Modelfolio-Proxy", pattern=HEADER_NAME)
    proxy_addresses: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = ()
    unknown_people: Literal["refuse", "viewer"] = "refuse"
    trigger_targets: tuple[TriggerTarget, ...] = ()
    trigger_silence_hours: float = Field(default=3.0, gt=0)
    report_token: SecretStr | None = Field(default=None, min_length=16)
    connections: dict[str, SecretStr] = Field(default_factory=dict)

    @field_validator("proxy_addresses", mode="before")
    @classmethod
    def split_at_commas(cls, value: Any) -> Any:
        """Take "10.0.0.5, 10.1.0.0/16" as two."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

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
    _check_sign_in(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    return settings


def _check_sign_in(settings: Settings) -> None:
    """Refuse a sign-in that anybody could forge, and two at once."""
    proves_itself = settings.proxy_secret is not None or bool(settings.proxy_addresses)
    if settings.proxy_header is None:
        if proves_itself:
            raise SettingsError(
                f"setting {PREFIX}PROXY_HEADER: it is missing, so the proxy says nowhere who somebody is"
            )
        return
    if not proves_itself:
        raise SettingsError(
            f"setting {PREFIX}PROXY_HEADER: anybody could send this header; set {PREFIX}PROXY_SECRET, {PREFIX}PROXY_ADDRESSES or both"
        )
    if settings.demo_sign_in:
        raise SettingsError(
            f"setting {PREFIX}DEMO_SIGN_IN: in the demo anybody acts as anybody; it and {PREFIX}PROXY_HEADER exclude each other"
        )
