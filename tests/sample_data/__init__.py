"""Tests of the shipped example portfolio."""
