"""Synthetic portraits: a data set for machines that have none, drawn by this package alone."""

from data.synthetic.writing import generate

__all__ = ["generate"]
