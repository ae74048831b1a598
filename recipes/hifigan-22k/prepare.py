"""Arrays at 22.05 kHz from the corpus of the shipped models. All recordings are resampled.

python recipes/hifigan-22k/prepare.py CORPUS data/hifigan-22k --without-rumble
"""

import sys

from wavehax.data.corpus import read_manifest
from wavehax.data.prepare import main

if __name__ == "__main__":
    sys.exit(main(__doc__, read_manifest, features="hifigan-22k"))
