"""Arrays from a folder of recordings of one voice.

python recipes/finetune/prepare.py CORPUS data/finetune
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from wavehax.data.corpus import Recording, find, hold_out
from wavehax.data.prepare import main

HELD_OUT_EVERY = 20
SUFFIXES = (".wav", ".flac")


def recordings(corpus: Path) -> Iterator[Recording]:
    """Sound files at any depth, .wav or .flac; every twentieth by name is held out as `dev`."""
    paths = (path for path in find(corpus, "**/*") if path.suffix.lower() in SUFFIXES)
    return hold_out((Recording(path, "voice") for path in paths), HELD_OUT_EVERY)


if __name__ == "__main__":
    sys.exit(main(__doc__, recordings))
