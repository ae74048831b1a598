"""Training checkpoint to model file, with the provenance of this recipe.

    python recipes/quickstart/export.py CHECKPOINT OUT.safetensors [--scores scores.json] [--force]

Needs the prepared folder that the run read: batch-norm statistics are measured on it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from wavehax.train.export import export


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--hardware", default="", help="in words, for the model file")
    parser.add_argument("--data", default="", help="training data and its licences in words, for the model file")
    parser.add_argument("--licence", default="MIT", help="of the weights")
    parser.add_argument("--scores", type=Path, help="file of score.py; the means of its splits go into the model file")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    arguments = parser.parse_args()
    provenance = {name: value for name in ("licence", "data", "hardware") if (value := getattr(arguments, name))}
    if arguments.scores:
        splits = json.loads(arguments.scores.read_text())["splits"]
        provenance["scores"] = {
            split: {name: round(mean, 4) for name, mean in means.items()} for split, means in splits.items()
        }
    export(arguments.checkpoint, arguments.out, provenance, force=arguments.force)


if __name__ == "__main__":
    main()
