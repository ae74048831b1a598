"""Arrays from JVS: 100 Japanese speakers reading, whispering and in falsetto, 24 kHz.

python recipes/jvs/prepare.py jvs_ver1 data/jvs --f0-ranges f0_ranges.yaml
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from wavehax.data.corpus import Recording, find, hold_out
from wavehax.data.prepare import main
from wavehax.files.yaml import read_yaml

HELD_OUT_EVERY = 100  # about 150 of the 15,000 utterances, of all speakers and styles


def recordings(corpus: Path, f0_ranges: Path) -> Iterator[Recording]:
    """jvs001/parallel100/wav24kHz16bit/*.wav and so on: speaker, style; each pair has its range of
    F0."""
    ranges = read_yaml(f0_ranges)
    return hold_out(
        (
            Recording(path, path.parts[-4], "train", *_range(ranges, f0_ranges, *path.parts[-4:-2]))
            for path in find(corpus, "jvs*/*/wav24kHz16bit/*.wav")
        ),
        HELD_OUT_EVERY,
    )


def _range(ranges: dict, file: Path, speaker: str, style: str) -> tuple[float, float]:
    """Lowest and highest F0 in Hz; (0, 0) where the file says -1, which stands for unvoiced."""
    try:
        low, high = (float(ranges[speaker][style][bound]) for bound in ("f0_min", "f0_max"))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: no f0_min and f0_max of {speaker} {style}, in Hz") from error
    return (0, 0) if low == high == -1 else (low, high)


if __name__ == "__main__":
    files = {"f0_ranges": "YAML of speaker, style, and f0_min and f0_max in Hz"}
    sys.exit(main(__doc__, recordings, features="wavehax-24k", files=files))
