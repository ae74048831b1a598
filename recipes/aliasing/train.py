"""Train one of four models that differ in nothing but what they are, to compare what they put off
the harmonics.

python recipes/aliasing/train.py NAME --data data/wavehax-24k --out runs/aliasing/NAME [key=value
...]

NAME: wavehax (as shipped); noise (the same, its prior mere noise); hifigan; vocos. The same command
resumes.
"""

import argparse
import sys
from pathlib import Path

from wavehax.errors import exit_code
from wavehax.nn import WaveGenerator
from wavehax.nn.baselines import BASELINES, Baseline
from wavehax.train.config import TrainConfig
from wavehax.train.load import load_config
from wavehax.train.loop import Trainer

PRIORS = {"wavehax": "pcph", "noise": "noise"}


class BaselineTrainer(Trainer):
    """A run of config.yaml whose generator is one of `BASELINES`."""

    def __init__(self, name: str, config: TrainConfig) -> None:
        self.name = name
        super().__init__(config)

    def _build_generator(self) -> WaveGenerator:
        model = Baseline(self.name, self.config.generator, self.config.feature_config.log_floor)
        model.set_normalization(self.data.mel_mean, self.data.mel_scale)
        return model


def trainer(name: str, config: Path, overrides: list[str]) -> Trainer:
    """The run of one model; ValueError, OSError as `Trainer`."""
    if name in BASELINES:
        return BaselineTrainer(name, load_config(config, overrides))
    return Trainer(load_config(config, [f"generator.prior={PRIORS[name]}", *overrides]))


def main() -> int:
    """Train, or take up the run that is in --out; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("name", choices=[*PRIORS, *BASELINES], help="which model")
    parser.add_argument("--data", required=True, help="prepared folder")
    parser.add_argument("--out", required=True, help="the run's folder")
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="replace a value of config.yaml"
    )
    arguments = parser.parse_intermixed_args()
    overrides = [f"data.path={arguments.data}", f"run_dir={arguments.out}", *arguments.overrides]
    return exit_code(
        lambda: trainer(arguments.name, Path(__file__).with_name("config.yaml"), overrides).run()
    )


if __name__ == "__main__":
    sys.exit(main())
