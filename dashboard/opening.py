"""The registry as the settings describe it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_access.audit_key import key_from_file
from data_access.demo_clock import demo_clock
from data_access.engine import registry_url, sqlite_file
from data_access.registry import Registry
from data_access.schema import upgrade

if TYPE_CHECKING:
    from datetime import date

    from dashboard.settings import Settings


def audit_key(settings: Settings) -> bytes:
    """Return the key of the audit trail: the setting, else the file in the home folder, made on the first use."""
    if settings.audit_key is not None:
        return settings.audit_key.get_secret_value().encode()
    return key_from_file(settings.home / "audit.key")


def open_registry(settings: Settings) -> Registry:
    """Return the open registry; RegistryOutOfDateError says what to do when there is none or it is out of date."""
    return Registry.open(settings.registry_address(), audit_key=audit_key(settings))


def open_or_create_registry(settings: Settings) -> Registry:
    """Return the open registry; the default file is made on the first use, for there is nothing in it to lose.

    One that is there is never upgraded by the way, and one with an address of its own is never made: the address may be wrong.
    """
    if settings.registry_url is None:
        file = sqlite_file(registry_url(settings.registry_address()))
        if file is not None and not file.exists():
            upgrade(settings.registry_address())
    return open_registry(settings)


def product_day(registry: Registry, settings: Settings) -> date:
    """Return the day that decisions are made on: the demo's clock where there is one, else the present day."""
    clock = demo_clock(registry)
    return clock[0] if clock else settings.as_of or settings.now().date()
