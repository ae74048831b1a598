"""Judging a vocoder's output against recordings. Needs the extra [eval]."""
