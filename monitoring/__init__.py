"""What is true of a model: profiles, drift, performance, verdicts and decisions."""
