"""Training: prepared arrays in, a model file out. Needs the extra [train]."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wavehax.arguments import Parser


def main(argv: Sequence[str] | None = None) -> None:
    """`wavehax train CONFIG [key=value ...]`: train, or take up the run that is in the config's
    `run_dir`.

    Raises:
        UsageError: the arguments make no sense.
        ValueError, OSError: the configuration, the prepared data or the checkpoint is not as
            expected.
    """
    from wavehax.train.config import load_config
    from wavehax.train.data import prepared_manifest
    from wavehax.train.loop import Trainer

    description = "Train a generator, or resume the run in its run_dir."
    parser = Parser(prog="wavehax train", description=description)
    parser.add_argument("config", type=Path, help="YAML file")
    help_text = "replace a value of it, e.g. data.batch_size=8"
    parser.add_argument("overrides", nargs="*", metavar="key=value", help=help_text)
    arguments = parser.parse_args(argv)
    config = load_config(arguments.config, arguments.overrides)
    # which is not read before data and models are there
    if config.monitor.every_steps and config.monitor.validation:
        prepared_manifest(Path(config.monitor.validation), config.feature_config)
    Trainer(config).run()
