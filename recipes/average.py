"""Choose the average of two models that is most natural on `dev` and loses little PESQ-WB.

python recipes/average.py FIRST SECOND --data MANIFEST -o OUT.safetensors

SECOND was trained from FIRST. `wavehax evaluate` scores every average on the split `dev` alone. The
split `unseen` plays no part in the choice, so that its scores stay fair.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wavehax.cli.types import count
from wavehax.errors import exit_code
from wavehax.files.outputs import refuse_existing, replacing
from wavehax.models.locate import model_path
from wavehax.train.average import average

SPLIT = "dev"
PESQ, NATURALNESS = "pesq_wb", "distillmos_difference"
"""Names of the two scores in a report. More is better for both. The second is DistillMOS of the
output less DistillMOS of the recording."""


@dataclass(frozen=True)
class Candidate:
    """An average of FIRST and SECOND, with its scores on `dev`, among which one is chosen."""

    weight: float  # of SECOND, 0 to 1; 0 is FIRST itself
    path: Path
    pesq: float
    naturalness: float


def candidates(
    first: str, second: str, weights: Sequence[float], folder: Path, arguments: argparse.Namespace
) -> list[Candidate]:
    """Score FIRST and its averages with SECOND. All averages are made before the first is scored.

    Raises:
        ValueError, OSError: as `wavehax.train.average.average` and `scores`.
    """
    paths = {0.0: model_path(first)}
    for weight in weights:
        paths[weight] = folder / f"{weight}.safetensors"
        shares = [round(1 - weight, 9), weight]
        average([first, second], shares, paths[weight], data=arguments.prepared)
    found = []
    for weight, path in paths.items():
        report = folder / f"{weight}.json"
        evaluate(path, arguments.data, report, arguments.jobs)
        found.append(Candidate(weight, path, *scores(report)))
        print(f"{weight:8g} {found[-1].pesq:9.3f} {found[-1].naturalness:+21.3f}", flush=True)
    return found


def evaluate(model: Path, manifest: Path, report: Path, jobs: int) -> None:
    """Write the .json `report` of a model on the split `dev` of a manifest.

    Raises:
        ValueError: a recording could not be scored; wavehax evaluate has said which.
    """
    command = [sys.executable, "-m", "wavehax", "evaluate", "--data", manifest, "--splits", SPLIT]
    command += ["--model", model, "--jobs", str(jobs), "-o", report]
    if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
        raise ValueError(f"{model}: could not be scored on {SPLIT} of {manifest}")


def scores(report: Path) -> tuple[float, float]:
    """Means of PESQ-WB and of naturalness over the split `dev` of a report.

    Raises:
        ValueError: one of them is not in it.
    """
    groups = json.loads(report.read_text(encoding="utf-8"))["groups"]
    means = next(g["means"] for g in groups if g["group"] == SPLIT and not g["speaker"])
    values = {name: means.get(name, {}).get("mean") for name in (PESQ, NATURALNESS)}
    if values[NATURALNESS] is None:
        hint = "it needs the extra [mos]: pip install 'wavehax[mos]'"
        raise ValueError(
            f"wavehax evaluate gave no {NATURALNESS}, the score of naturalness; {hint}"
        )
    if values[PESQ] is None:
        raise ValueError(f"wavehax evaluate gave no {PESQ}: is there speech in {SPLIT}?")
    return values[PESQ], values[NATURALNESS]


def choose(found: Sequence[Candidate], pesq_loss: float) -> Candidate:
    """The most natural candidate with a PESQ-WB at most `pesq_loss` below that of the first one."""
    allowed = [candidate for candidate in found if candidate.pesq >= found[0].pesq - pesq_loss]
    return max(allowed, key=lambda candidate: candidate.naturalness)


def share(text: str) -> float:
    """Parse a weight of SECOND."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: expected more than 0 and at most 1")
    return value


def loss(text: str) -> float:
    """Parse the PESQ-WB that may be lost."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: expected 0 or more")
    return value


def parser() -> argparse.ArgumentParser:
    """The arguments of this script."""
    result = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    result.add_argument("first", metavar="FIRST", help="model whose PESQ-WB is the measure")
    result.add_argument("second", metavar="SECOND", help="model that was trained from it")
    help_text = "weights of SECOND, each above 0 and at most 1 (default 0.2 0.4 0.6 0.8 1)"
    default = [0.2, 0.4, 0.6, 0.8, 1.0]
    result.add_argument(
        "--weights", type=share, nargs="+", default=default, metavar="W", help=help_text
    )
    help_text = "MANIFEST.tsv of a corpus or of a prepared folder"
    result.add_argument("--data", type=Path, required=True, metavar="MANIFEST", help=help_text)
    help_text = "prepared folder on which batch norms of averages are measured"
    result.add_argument("--prepared", type=Path, metavar="FOLDER", help=help_text)
    help_text = "most PESQ-WB that may be lost against FIRST (default 0.03)"
    result.add_argument("--pesq-loss", type=loss, default=0.03, metavar="X", help=help_text)
    result.add_argument(
        "--jobs", type=count, default=1, help="recordings scored at once (default 1)"
    )
    result.add_argument("-o", "--output", type=Path, required=True, help="model file, .safetensors")
    result.add_argument("--force", action="store_true", help="replace an output that exists")
    return result


def main() -> int:
    """Score all averages, print them, and write the chosen one; returns the exit code."""
    options = parser()
    arguments = options.parse_args()
    if len(set(arguments.weights)) < len(arguments.weights):
        options.error(f"--weights {' '.join(map(str, arguments.weights))}: expected each once")

    def work() -> None:
        refuse_existing(arguments.output, arguments.force)
        print(f"{'weight':>8} {PESQ:>9} {NATURALNESS:>21}")
        with tempfile.TemporaryDirectory() as folder:
            names = arguments.first, arguments.second
            found = candidates(*names, arguments.weights, Path(folder), arguments)
            chosen = choose(found, arguments.pesq_loss)
            with replacing(arguments.output, overwrite=arguments.force) as temporary:
                shutil.copyfile(chosen.path, temporary)
        print(f"{arguments.output}: weight {chosen.weight:g} of {arguments.second}")

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
