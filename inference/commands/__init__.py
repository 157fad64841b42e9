"""The commands of `python -m inference`: a module each, with what its options are checked for."""
