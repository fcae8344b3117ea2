"""Each page on a small real registry."""
