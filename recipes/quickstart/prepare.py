"""Recordings to the arrays that training reads: audio, log-mel and F0 of the `train` split, one manifest.

    python recipes/quickstart/prepare.py CORPUS_DIR OUT_DIR
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

from wavehax.config import FEATURES
from wavehax.train.prepare import Recording, prepare


def training_files(corpus: Path) -> Iterator[Recording]:
    """The `train` rows of the corpus' MANIFEST.tsv; never `dev`, `unseen` or `singing`."""
    with open(corpus / "MANIFEST.tsv", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["split"] == "train":
                yield Recording(corpus / row["file"], row["speaker"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="folder with MANIFEST.tsv")
    parser.add_argument("out", type=Path, help="folder for the arrays; made if need be")
    parser.add_argument("--features", default="vocos-24k", choices=FEATURES)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    prepare(list(training_files(arguments.corpus)), arguments.out, FEATURES[arguments.features], arguments.jobs)


if __name__ == "__main__":
    main()
