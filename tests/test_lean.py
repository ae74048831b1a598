"""What must hold where nothing but the package, numpy, soundfile and pytest is installed."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from processes import run_python

import wavehax

HEAVY = (
    "torch",
    "ray",
    "pyarrow",
    "scipy",
    "librosa",
    "soundfile",
    "pyworld",
    "h5py",
    "yaml",
    "matplotlib",
    "numba",
    "onnx",
)


def output_of(code: str, cwd: Path) -> str:
    done = run_python(code, cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_loading_imports_nothing_heavy(tmp_path):
    code = (
        f"import sys, wavehax; wavehax.load(); print([name for name in {HEAVY} if name in"
        " sys.modules])"
    )
    assert output_of(code, tmp_path) == "[]\n"


def test_the_import_is_silent_where_warnings_are_errors(tmp_path):
    done = run_python("import wavehax", tmp_path, "-W", "error")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_loading_imports_nothing_but_numpy_and_the_standard_library(tmp_path):
    code = """
        import sys
        before = set(sys.modules)  # what the environment imports of its own
        import wavehax
        wavehax.load()
        names = {name.split(".")[0] for name in set(sys.modules) - before}
        print(sorted(names - set(sys.stdlib_module_names)))
    """
    assert output_of(textwrap.dedent(code), tmp_path) == "['numpy', 'wavehax']\n"


def test_loading_leaves_out_what_other_commands_are_made_of(tmp_path):
    code = (
        "import sys, wavehax; wavehax.load();"
        "print(*(n for n in sys.modules if n.startswith('wavehax.')))"
    )
    loaded = {name.split(".")[1] for name in output_of(code, tmp_path).split()}
    assert "_engine" in loaded
    assert not loaded & {"bench", "cli", "evaluate", "export", "nn", "official", "train"}


def test_the_default_model_speaks():
    voc = wavehax.load()
    frames = 50
    mel = np.full((voc.features.n_mels, frames), -4, np.float32)
    wave = voc(mel, np.full(frames, 120, np.float32))
    assert (
        wave.shape == (frames * voc.hop_length,) and np.isfinite(wave).all() and wave.std() > 1e-4
    )


def test_a_mel_file_becomes_a_sound_file(tmp_path, mel_file, model_file, command):
    assert command("vocode", mel_file, "-o", tmp_path / "out.wav", "--model", model_file) == (
        0,
        "",
        "",
    )
    assert (tmp_path / "out.wav").stat().st_size == 44 + 2 * 40 * 32


def test_every_shipped_model_says_its_licence():
    from wavehax.checkpoint import load_model
    from wavehax.models.locate import model_path, shipped_models

    for name in shipped_models():
        assert load_model(model_path(name)).provenance["licence"] == "MIT", name


def test_every_shipped_model_has_a_card():
    from wavehax.models.locate import card_path, model_path, shipped_models

    assert shipped_models()
    for name in shipped_models():
        assert len(card_path(model_path(name)).read_text(encoding="utf-8")) > 500
