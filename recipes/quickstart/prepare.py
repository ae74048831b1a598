"""Arrays from any folder of recordings with a MANIFEST.tsv (columns file, split, speaker).

python recipes/quickstart/prepare.py CORPUS data/quickstart
"""

import sys

from wavehax.data.corpus import read_manifest
from wavehax.data.prepare import main

if __name__ == "__main__":
    sys.exit(main(__doc__, read_manifest))
