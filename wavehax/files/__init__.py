"""Files in and out: outputs whole or absent, sound, YAML, many files at once."""
