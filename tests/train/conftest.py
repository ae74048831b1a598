"""What the tests of training share: a fabricated corpus, prepared by the quickstart recipe, and
tiny configurations."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from processes import ENVIRONMENT
from voices import voice

from wavehax.files.sound import write_audio

ROOT = Path(__file__).parents[2]
RATE = 24000


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five recordings of three speakers, one of them at 48 kHz and one of another split, with a
    MANIFEST.tsv."""
    folder = tmp_path_factory.mktemp("train") / "corpus"
    folder.mkdir()
    rows = [
        ("a1.flac", "train", "a", 110),
        ("a2.flac", "train", "a", 120),
        ("b1.flac", "train", "b", 210),
    ]
    rows += [("b2.flac", "train", "b", 220), ("c1.flac", "dev", "c", 160)]
    for i, (name, _, _, pitch) in enumerate(rows):
        rate = 48000 if name == "b2.flac" else RATE
        write_audio(folder / name, np.repeat(voice(1.0 + 0.1 * i, pitch, i), rate // RATE), rate)
    with (folder / "MANIFEST.tsv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["file", "split", "speaker"])
        writer.writerows(row[:3] for row in rows)
    return folder


@pytest.fixture(scope="session")
def prepared(corpus: Path) -> Path:
    """The folder that recipes/quickstart/prepare.py makes of the corpus."""
    out = corpus.parent / "prepared"
    script = ROOT / "recipes" / "quickstart" / "prepare.py"
    # One pass takes half of the time of the default, two.
    command = [sys.executable, script, corpus, out, "--jobs", "1", "--f0-method", "harvest"]
    subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)
    return out


@pytest.fixture(scope="session")
def write_config(prepared: Path) -> Callable[..., Path]:
    """Writes FOLDER/config.yaml: a generator with 4 channels, 12 steps of 2 x 20 frames, 6 with an
    adversary."""

    def write(folder: Path, **changes: object) -> Path:
        generator = {"channels": 4, "mult_channels": 2, "kernel_size": [5, 3], "num_blocks": 2}
        generator |= {
            "n_fft": 512,
            "hop_length": 256,
            "norm": "batch",
            "time_padding": "causal",
            "lookahead": 2,
        }
        generator |= {"frame_alignment": "centre"}
        config = {
            "run_dir": str(folder / "run"),
            "features": "vocos-24k",
            "max_steps": 12,
            "threads": 1,
            "accelerator": "cpu",
            "data": {
                "path": str(prepared),
                "batch_size": 2,
                "segment_frames": 20,
                "speed_share": 0.5,
            },
            "generator": {**generator, "output": "excitation"},
            "loss": {"n_ffts": [256, 1024], "n_mels": [32, 80]},
            "optimizer": {"warmup_steps": 3, "ema_decay": 0.9},
            "adversary": {"discriminator": "spectral", "start_step": 6, "ramp_steps": 3},
            "monitor": {"every_steps": 0},
            **changes,
        }
        path = folder / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    return write
