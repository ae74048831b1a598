"""The command line: each command has a file, with its arguments and its work."""

from wavehax.cli.main import main

__all__ = ["main"]
