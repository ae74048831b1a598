"""Mel-spectrograms: computed from sound, whole or as it comes, read from files, converted.

Import from the modules. Names are not repeated here, as `convert` is a module and its function.
"""
