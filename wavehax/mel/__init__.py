"""Mel-spectrograms: computed from sound, whole or as it comes, read from files, converted."""
