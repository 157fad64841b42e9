"""Benchmarks of the search, `make bench-search`: each measures both sides in one run."""
