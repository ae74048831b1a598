"""Runs the command line as `python -m wavehax`."""

from wavehax.cli import main

raise SystemExit(main())
