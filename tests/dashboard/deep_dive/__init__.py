"""The deep dive: its sample, its report by the real Evidently, the process that makes it and what is kept."""
