"""Where approved retrainings go: a web address, a program, or whoever polls the table of triggers; from the configuration only."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SHORTEST_SECRET = 16


class TriggerTarget(BaseModel):
    """One place that trains models, and which of them: shell patterns of model ids, the first target that fits takes a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=60)
    models: tuple[str, ...] = ("*",)
    url: str | None = None
    secret: SecretStr | None = None
    command: tuple[str, ...] = ()
    table: bool = False
    timeout_seconds: float | None = Field(default=None, gt=0, le=86_400)
    attempts: int = Field(default=6, ge=1, le=100)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum((self.url is not None, bool(self.command), self.table)) != 1:
            raise ValueError(f"target {self.name!r} has exactly one of url, command and table")
        if self.url is not None:
            _check_url(self.name, self.url)
            if self.secret is None or len(self.secret.get_secret_value()) < SHORTEST_SECRET:
                raise ValueError(f"target {self.name!r} needs a secret of at least {SHORTEST_SECRET} characters")
        return self

    @property
    def patience_seconds(self) -> float:
        """How long an answer may take: 10 seconds for a web address, an hour for a program."""
        return self.timeout_seconds or (10.0 if self.url is not None else 3_600.0)

    def takes(self, model_id: str) -> bool:
        """Whether the target trains this model."""
        return any(fnmatchcase(model_id, pattern) for pattern in self.models)


def _check_url(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        raise ValueError(f"the address of target {name!r} cannot be read") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError(f"the address of target {name!r} begins with https:// and a host")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise ValueError(f"the address of target {name!r} is sent in the clear; only this machine may do without https")
    if parts.username or parts.password:
        raise ValueError(f"the address of target {name!r} holds a password; the secret signs, give it as secret")
    if any(not character.isprintable() or character == " " for character in url):
        raise ValueError(f"the address of target {name!r} holds characters that no address has")


def target_of(targets: tuple[TriggerTarget, ...], model_id: str) -> TriggerTarget | None:
    """Return the first target that trains this model."""
    return next((target for target in targets if target.takes(model_id)), None)
