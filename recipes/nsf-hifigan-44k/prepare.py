"""Arrays at 44.1 kHz from the corpus of the shipped models, which has a MANIFEST.tsv; all
recordings are resampled.

python recipes/nsf-hifigan-44k/prepare.py CORPUS data/nsf-hifigan-44k
"""

import sys

from wavehax.data.corpus import read_manifest
from wavehax.data.prepare import main

if __name__ == "__main__":
    sys.exit(main(__doc__, read_manifest, features="nsf-hifigan-44k"))
