"""Training: prepared arrays in, a model file out.

Needs the extra [train].
"""

from __future__ import annotations

import os
from pathlib import Path


def run(config: str | os.PathLike[str], *overrides: str) -> None:
    """Train, or take up the run that is in the config's `run_dir`.

    Args:
        config: a YAML file.
        overrides: `key=value` or `section.key=value`, each of which replaces a value of the file.

    Raises:
        OSError: the configuration, the prepared data or a checkpoint cannot be read.
        ValueError: one of them is not as expected.
    """
    from wavehax.data.prepared import prepared_manifest
    from wavehax.train.load import load_config
    from wavehax.train.loop import Trainer

    values = load_config(Path(config), overrides)
    # Checked now, since the monitor reads it only after data and models are loaded.
    if values.monitor.every_steps and values.monitor.validation:
        prepared_manifest(Path(values.monitor.validation), values.feature_config)
    Trainer(values).run()
