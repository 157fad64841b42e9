"""Heads on frozen activations: solved in closed form, or trained where they have a hidden layer."""
