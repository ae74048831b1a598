"""Energy off the harmonic series of F0: aliasing, and any other distortion that is out of tune."""
