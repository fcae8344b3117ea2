"""Tests of ``monitoring``."""
