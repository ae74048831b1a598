"""Scores a vocoder's output against recordings. Needs the extra [eval]."""

SPLITS = ("dev", "unseen", "singing")
"""The splits of a manifest that are scored unless others are asked for."""
