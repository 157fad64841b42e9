"""The frozen trunk: its activations, computed once and read by every trial."""
