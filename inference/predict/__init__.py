"""The `predict` command: many files in, one row a face out."""
