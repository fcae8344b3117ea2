"""The evidence pack of a meeting: one content, written as an offline page or as slides."""
