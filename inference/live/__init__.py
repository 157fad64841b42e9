"""Faces in consecutive frames: tracks, smoothed predictions, videos and cameras."""
