"""One page each, read top to bottom as it looks."""
