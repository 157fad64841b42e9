"""A run on more than one process: Ray does the steps of its searches, here or on a cluster."""
