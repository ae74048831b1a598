"""Arrays from singing at 48 kHz: a folder of sound files for each singer.

python recipes/singing/prepare.py CORPUS data/singing
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from wavehax.data.corpus import Recording, find, hold_out
from wavehax.data.prepare import main

F0_MIN, F0_MAX = 60.0, 1100.0  # Hz: from B1 of a bass to C6 of a soprano (1,047 Hz), and vibrato
HELD_OUT_EVERY = 50
SUFFIXES = (".wav", ".flac")


def recordings(corpus: Path) -> Iterator[Recording]:
    """SINGER/**/*.wav or .flac."""
    paths = [path for path in find(corpus, "*/**/*") if path.suffix.lower() in SUFFIXES]
    singers = [path.relative_to(corpus).parts[0] for path in paths]
    return hold_out(
        (
            Recording(path, singer, "train", F0_MIN, F0_MAX)
            for path, singer in zip(paths, singers, strict=True)
        ),
        HELD_OUT_EVERY,
    )


if __name__ == "__main__":
    sys.exit(main(__doc__, recordings, features="wavehax-48k"))
