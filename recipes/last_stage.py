"""What others start from: the averaged weights of a run and its discriminators, without the rest of
its state.

python recipes/last_stage.py runs/NAME OUT

OUT is then what `init_from` and `adversary.init_from` take. It is a third of a checkpoint.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from wavehax.errors import exit_code
from wavehax.train.state import checkpoint_of, load_state, save_state

KEPT = ("ema/", "discriminator/", "discriminator_optimizer/")


def release(run_dir: Path, out: Path) -> Path:
    """Write OUT/checkpoints/step-N of the newest checkpoint of a run; returns its path.

    Raises:
        OSError: there is no such run, or `out` exists.
        ValueError: its checkpoint is damaged, or the run had no adversary.
    """
    if out.exists():
        raise FileExistsError(f"{out}: exists already")
    tensors, values = load_state(checkpoint_of(run_dir))
    if not any(name.startswith("discriminator/") for name in tensors):
        raise ValueError(
            f"{run_dir}: had no adversary, so that there are no discriminators to release"
        )
    kept = {name: value for name, value in tensors.items() if name.startswith(KEPT)}
    config = values["config"]
    config |= {"run_dir": "", "init_from": ""}  # places on the machine of the run
    config["data"]["path"] = config["monitor"]["validation"] = config["adversary"]["init_from"] = ""
    step = values.pop("step")
    with tempfile.TemporaryDirectory(dir=out.absolute().parent) as folder:
        written = save_state(Path(folder) / "whole" / "checkpoints", step, kept, values, keep=1)
        os.replace(Path(folder) / "whole", out)
    return out / "checkpoints" / written.name


def main() -> int:
    """Read the arguments and write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("run_dir", type=Path, help="folder of a run with an adversary")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder that does not exist yet")
    arguments = parser.parse_args()
    return exit_code(lambda: release(arguments.run_dir, arguments.out))


if __name__ == "__main__":
    sys.exit(main())
