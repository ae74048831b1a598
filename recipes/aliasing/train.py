"""Train one of four models that differ in their design alone, to compare their aliasing.

python recipes/aliasing/train.py NAME --data data/wavehax-24k --out runs/aliasing/NAME

NAME is wavehax (the shipped design), noise (the same with a prior of noise alone), hifigan or
vocos. Arguments `key=value` replace values of config.yaml. The same command resumes a run.
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
        floor = self.config.feature_config.magnitude_floor
        model = Baseline(self.name, self.config.generator, floor)
        model.set_normalization(self.data.mel_mean, self.data.mel_scale)
        return model


def trainer(name: str, config: Path, overrides: list[str]) -> Trainer:
    """The run of one model. Raises ValueError and OSError as `Trainer` does."""
    if name in BASELINES:
        return BaselineTrainer(name, load_config(config, overrides))
    return Trainer(load_config(config, [f"generator.prior={PRIORS[name]}", *overrides]))


def main() -> int:
    """Train, or resume the run in --out. Returns the exit code."""
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
