"""Arrays from LJSpeech 1.1: one woman, 24 hours, 22,050 Hz.

python recipes/ljspeech/prepare.py LJSpeech-1.1 data/ljspeech
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from wavehax.data.corpus import Recording, find, hold_out
from wavehax.data.prepare import main

HELD_OUT_EVERY = 100  # 131 of the 13,100 clips, from all chapters


def recordings(corpus: Path) -> Iterator[Recording]:
    """wavs/LJ001-0001.wav and so on: chapter, clip."""
    return hold_out((Recording(path, "LJ") for path in find(corpus, "wavs/*.wav")), HELD_OUT_EVERY)


if __name__ == "__main__":
    sys.exit(main(__doc__, recordings))
