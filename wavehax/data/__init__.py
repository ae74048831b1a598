"""From recordings to segments: corpora, prepared folders, and the segments of a training step."""
