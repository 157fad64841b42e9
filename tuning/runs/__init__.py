"""What lies on disk of a run: its settings, its trials, its winners, and where each file is."""
