"""Faces in pictures: found, judged by their landmarks, brought into CelebA's frame."""
