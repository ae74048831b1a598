"""Many files at once: folders that are kept, runs that go on, and runs that are interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from processes import ENVIRONMENT


def files(folder: Path) -> list[str]:
    """Paths of all files below `folder`, hidden ones too."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


@pytest.fixture
def vocode(command, model_file):
    return lambda *arguments: command("vocode", "--model", model_file, *arguments)


@pytest.fixture
def mels(tmp_path: Path, mel_file: Path) -> Path:
    """A folder of mels: a/1.npz, and b/deep with two files, one of which is named 1.npz too."""
    for name in ("a/1.npz", "b/deep/1.npz", "b/deep/2.npz"):
        path = tmp_path / "mels" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mel_file.read_bytes())
    return tmp_path / "mels"


def test_folders_below_the_wildcards_are_kept(vocode, mels, tmp_path):
    assert vocode(f"{mels}/**/*.npz", "-o", tmp_path / "out")[0] == 0
    assert files(tmp_path / "out") == ["a/1.wav", "b/deep/1.wav", "b/deep/2.wav"]


def test_where_a_result_goes_does_not_depend_on_the_other_matches(vocode, mels, tmp_path):
    (mels / "a" / "1.npz").unlink()
    assert vocode(f"{mels}/**/*.npz", "-o", tmp_path / "out")[0] == 0
    assert files(tmp_path / "out") == ["b/deep/1.wav", "b/deep/2.wav"]


def test_a_pattern_without_a_match_is_refused_before_any_work(vocode, mels, tmp_path):
    for output in ("out", "out.wav", "out/"):
        code, _, said = vocode(f"{mels}/a/*.npz", f"{mels}/no/*.npz", "-o", f"{tmp_path}/{output}")
        assert (
            code == 2
            and said
            == f"wavehax: {mels}/no/*.npz: no such file, nor one that it matches as a pattern\n"
        )
    assert not (tmp_path / "out").exists()


def test_folders_below_the_common_one_of_given_paths_are_kept(vocode, mels, tmp_path):
    paths = (mels / "b/deep/1.npz", mels / "b/deep/2.npz")
    assert vocode(*paths, "-o", tmp_path / "flat")[0] == 0
    assert files(tmp_path / "flat") == ["1.wav", "2.wav"]
    assert vocode(*paths, mels / "a/1.npz", "-o", tmp_path / "deep")[0] == 0
    assert files(tmp_path / "deep") == ["a/1.wav", "b/deep/1.wav", "b/deep/2.wav"]


def test_resume_makes_what_is_missing_and_leaves_the_rest(vocode, mels, tmp_path):
    out = tmp_path / "out"
    (out / "a").mkdir(parents=True)
    (out / "a/1.wav").write_text("mine")
    code, _, said = vocode(f"{mels}/**/*.npz", "-o", out, "--resume")
    assert (code, said) == (0, "wavehax: 1 of 3 are done already\n")
    assert (out / "a/1.wav").read_text() == "mine"
    assert files(out) == ["a/1.wav", "b/deep/1.wav", "b/deep/2.wav"]
    code, _, said = vocode(f"{mels}/**/*.npz", "-o", out, "--resume")
    assert (code, said) == (0, "wavehax: 3 of 3 are done already\n")


def test_resume_goes_on_with_one_file_and_with_features(command, vocode, mel_file, tmp_path):
    (tmp_path / "a.wav").write_text("mine")
    assert vocode(mel_file, "-o", tmp_path / "a.wav", "--resume")[0] == 0
    assert (tmp_path / "a.wav").read_text() == "mine"
    (tmp_path / "a.npz").write_text("mine")
    arguments = ("features", mel_file, "-o", tmp_path / "a.npz", "--features", "vocos-24k")
    assert command(*arguments, "--resume")[0] == 0
    assert (tmp_path / "a.npz").read_text() == "mine"


def test_outputs_that_exist_are_told_in_one_line_with_what_can_be_typed(vocode, mels, tmp_path):
    arguments = (f"{mels}/**/*.npz", "-o", tmp_path / "out")
    assert vocode(*arguments)[0] == 0
    (tmp_path / "out/a/1.wav").unlink()
    code, _, said = vocode(*arguments)
    assert code == 1 and said.count("\n") == 1 and "overwrite" not in said
    assert "2 such outputs of 3" in said and "--resume" in said and "--force" in said
    assert files(tmp_path / "out") == ["b/deep/1.wav", "b/deep/2.wav"]


@pytest.mark.parametrize(
    "arguments",
    [("a.npz", "-o", "a.wav", "--resume", "--force"), ("a.npz", "-o", "-", "--resume")],
)
def test_resume_is_refused_where_it_makes_no_sense(vocode, arguments):
    code, _, said = vocode(*arguments)
    assert code == 2 and "--resume" in said


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process there")
@pytest.mark.parametrize("output", ["out/", "out/one.wav", "-"])
@pytest.mark.slow
def test_an_interrupted_run_ends_within_two_seconds_and_leaves_nothing_hidden(tmp_path, output):
    mel = np.zeros((100, 60_000), np.float32)  # ten minutes: some ten seconds of work
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", mel=mel, f0=np.full(mel.shape[1], 100.0))
    (tmp_path / "out").mkdir()
    inputs = ["a.npz", "b.npz", "--jobs", "2"] if output == "out/" else ["a.npz"]
    command = [sys.executable, "-m", "wavehax", "vocode", *inputs, "-o", output]
    process = subprocess.Popen(
        command,
        env={**ENVIRONMENT, "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell ignores SIGINT in what it runs in the background, and a child would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    if output == "-":
        time.sleep(3)
    else:
        while len(files(tmp_path / "out")) < len(inputs) // 2 + (output != "out/"):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert time.monotonic() - start < 2
    assert (process.returncode, out, said) == (130, b"", b"")
    assert files(tmp_path / "out") == []
