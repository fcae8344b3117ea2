"""A row-level report by Evidently on a bounded sample: made in a process of its own, kept as files, shown in a sandbox."""
