"""Arrays from the corpus of the shipped model, which has a MANIFEST.tsv; recordings at 48 kHz are
resampled.

python recipes/wavehax-24k/prepare.py CORPUS data/wavehax-24k
"""

import sys

from wavehax.data.corpus import read_manifest
from wavehax.data.prepare import main

if __name__ == "__main__":
    sys.exit(main(__doc__, read_manifest))
