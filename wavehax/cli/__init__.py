"""The command line: one file a command, with its arguments and what it does."""

from wavehax.cli.main import main

__all__ = ["main"]
