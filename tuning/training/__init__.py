"""One training: head, tail, batches, schedule, early stopping."""
