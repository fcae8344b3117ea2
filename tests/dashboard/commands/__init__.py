"""Tests of ``dashboard.commands``."""
