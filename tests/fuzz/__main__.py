"""Fuzzing from the command line: `python tests/fuzz TARGET --count N --seed S [--first CASE]`.

Every case has a number, and depends on it and the seed alone: `--first 1234 --count 1` makes one
again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # as pytest's setting `pythonpath` does

from arguments import Arguments
from arrays import Arrays
from campaign import run
from mel_files import MelFiles
from model_files import ModelFiles
from raw_frames import Pipes
from sounds import Sounds

TARGETS = {
    "models": ModelFiles,
    "mels": MelFiles,
    "sounds": Sounds,
    "pipes": Pipes,
    "arguments": Arguments,
    "arrays": Arrays,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    sys.exit(not run(TARGETS[arguments.target], arguments.count, arguments.seed, arguments.first))
