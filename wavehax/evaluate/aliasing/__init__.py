"""Measures energy off the harmonic series of F0: aliasing, or other distortion out of tune."""
