"""Everything kept outside the process: the registry, prediction logs and triggers."""
