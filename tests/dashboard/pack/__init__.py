"""The evidence pack: its content against the pages, and both formats."""
