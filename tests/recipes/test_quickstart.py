"""The quickstart recipe from sound files to a voice, by its commands: trained, killed, taken up,
packaged, used."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from processes import ENVIRONMENT
from voices import voice

from wavehax.files.sound import read_audio, write_audio
from wavehax.train.state import load_state, newest

RECIPE = Path(__file__).parents[2] / "recipes" / "quickstart"
STEPS = 8


def run(*command: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=ENVIRONMENT, timeout=300
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_quickstart_trains_is_killed_resumes_and_its_model_vocodes(tmp_path: Path) -> None:
    corpus, prepared, run_dir = tmp_path / "corpus", tmp_path / "data", tmp_path / "run"
    corpus.mkdir()
    rows = ["file\tsplit\tspeaker"]
    for i, split in enumerate(("train", "train", "dev")):
        write_audio(corpus / f"{i}.wav", voice(1.0, 120 + 40 * i, i), 24000)
        rows.append(f"{i}.wav\t{split}\tspeaker{i % 2}")
    (corpus / "MANIFEST.tsv").write_text("\n".join(rows) + "\n")
    run(RECIPE / "prepare.py", corpus, prepared, "--jobs", "1")

    slice_ = [
        f"max_steps={STEPS}",
        f"run_dir={run_dir}",
        f"data.path={prepared}",
        "data.batch_size=2",
    ]
    slice_ += ["data.segment_frames=8", f"monitor.validation={prepared}/dev"]
    slice_ += ["checkpoint_minutes=0.000001", "threads=1"]
    train = [sys.executable, "-m", "wavehax", "train", str(RECIPE / "config.yaml"), *slice_]
    process = subprocess.Popen(train, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    deadline = time.monotonic() + 200
    while newest(run_dir / "checkpoints") is None:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed_at = load_state(newest(run_dir / "checkpoints"))[1]["step"]
    assert killed_at < STEPS, "the run ended before it was killed"
    run("-m", "wavehax", "train", RECIPE / "config.yaml", *slice_)
    assert [
        int(line.split(",")[0]) for line in (run_dir / "log.csv").read_text().splitlines()[1:]
    ] == list(range(1, 9))

    model, mel, wave = tmp_path / "model.safetensors", tmp_path / "mel.npz", tmp_path / "out.wav"
    run("-m", "wavehax", "package", run_dir, "-o", model)
    run("-m", "wavehax", "features", corpus / "2.wav", "-o", mel)
    run("-m", "wavehax", "vocode", mel, "-o", wave, "--model", model)
    made, rate = read_audio(wave, 24000)
    recorded, _ = read_audio(corpus / "2.wav", 24000)
    assert rate == 24000 and len(made) >= len(recorded)
    level = [20 * np.log10(np.sqrt(np.mean(x**2))) for x in (made, recorded)]
    assert abs(level[0] - level[1]) < 6  # dB: it starts as a source-filter vocoder
