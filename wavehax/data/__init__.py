"""Recordings to segments: a corpus, its prepared folder, what a step draws from it."""
