"""Arrays from VCTK 0.92: 110 English speakers, 48 kHz, the first microphone.

python recipes/vctk/prepare.py VCTK-Corpus-0.92 data/vctk
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from wavehax.data.corpus import Recording, find, hold_out
from wavehax.data.prepare import main

UNSEEN = ("p360", "p361", "p362", "p363", "p364", "p374", "p376", "s5")  # the last eight by name
HELD_OUT_EVERY = 250  # about 160 utterances of the other speakers


def recordings(corpus: Path) -> Iterator[Recording]:
    """wav48_silence_trimmed/p225/p225_001_mic1.flac and so on; p280 and p315 have the first
    microphone only."""
    paths = find(corpus, "wav48_silence_trimmed/*/*_mic1.flac")
    speakers = [path.parent.name for path in paths]
    splits = ["unseen" if speaker in UNSEEN else "train" for speaker in speakers]
    return hold_out(map(Recording, paths, speakers, splits), HELD_OUT_EVERY)


if __name__ == "__main__":
    sys.exit(main(__doc__, recordings))
