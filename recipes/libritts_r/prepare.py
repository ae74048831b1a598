"""Arrays from LibriTTS-R: English audiobooks by many speakers, 24 kHz.

python recipes/libritts_r/prepare.py LibriTTS_R data/libritts_r
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from wavehax.data.corpus import Recording, find, hold_out
from wavehax.data.prepare import main

HELD_OUT_EVERY = 1000  # about 150 utterances of train-clean-100 and train-clean-360


def recordings(corpus: Path) -> Iterator[Recording]:
    """train-clean-100/SPEAKER/CHAPTER/*.wav and so on, as many train-clean subsets as there are.

    dev-clean has other speakers and is kept for evaluation.
    """
    yield from hold_out(_subset(corpus, "train-clean-*", "train"), HELD_OUT_EVERY)
    yield from _subset(corpus, "dev-clean", "unseen")


def _subset(corpus: Path, subset: str, split: str) -> Iterator[Recording]:
    return (Recording(path, path.parts[-3], split) for path in find(corpus, f"{subset}/*/*/*.wav"))


if __name__ == "__main__":
    sys.exit(main(__doc__, recordings))
