"""The C library against the Python package: the same samples from the same model file, and the same
files refused."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from builds import REPOSITORY, compiler
from c_library import ERROR_STATE, CError, CModel, CStream, Library
from random_models import small_model
from tiny_models import tiny_model, with_f0

import wavehax
from wavehax.checkpoint import save_model
from wavehax.features import log_mel
from wavehax.models.locate import model_path


@pytest.fixture(scope="session")
def c(library: Path) -> Library:
    return Library(library)


@pytest.fixture
def predicting(tmp_path: Path) -> Path:
    """The path of a model file with a predictor of F0."""
    save_model(tmp_path / "predicting.safetensors", with_f0(tiny_model("tiny_wavehax_frame")))
    return tmp_path / "predicting.safetensors"


def frames_first(mel: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(mel.T)


def run_example(
    program: Path, model: Path, mel: np.ndarray, folder: Path, *more: str, isa: str = ""
) -> np.ndarray:
    """Return the samples that examples/vocode.c writes for a mel [n_mels, T]."""
    frames_first(mel).astype("<f4").tofile(folder / "mel.f32")
    command = [program, model, folder / "mel.f32", folder / "out.wav", *more]
    subprocess.run(command, check=True, env=os.environ | {"WAVEHAX_ISA": isa})
    wave, rate = soundfile.read(folder / "out.wav", dtype="float32")
    assert rate == 24000
    return wave


@pytest.mark.parametrize("chunks", [(), ("8",)], ids=["whole", "in chunks of 8 frames"])
def test_the_example_gives_the_samples_of_python(library, predicting, mel, tmp_path, isa, chunks):
    wave = run_example(library / "vocode", predicting, mel, tmp_path, *chunks, isa=isa)
    np.testing.assert_array_equal(wave, wavehax.load(predicting, isa=isa)(mel), strict=True)


def test_the_example_makes_a_recording_anew_as_python_does(library, tmp_path):
    recording = REPOSITORY / "tests/data/recording.wav"
    scales = {"f0_scale": 1.25, "formant_scale": 0.85}
    command = [library / "resynth", model_path(None), recording, tmp_path / "out.wav"]
    subprocess.run([*command, *(str(scale) for scale in scales.values())], check=True)
    found, rate = soundfile.read(tmp_path / "out.wav", dtype="float32")
    audio, _ = soundfile.read(recording, dtype="float32")
    voc = wavehax.load()
    mel = log_mel(audio, voc.features)
    expected = voc(mel, **scales)[: len(audio)]
    assert rate == voc.sample_rate and len(found) == len(expected)
    # The mels differ in their last places, and so does the predicted F0, which shifts the phase:
    # docs/browser.md.
    assert np.abs(found - expected).max() < 0.03 * np.abs(expected).max()


def test_the_example_names_the_file_that_is_no_recording(library, tmp_path):
    (tmp_path / "in.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    command = [library / "resynth", model_path(None), tmp_path / "in.wav", tmp_path / "out.wav"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1 and result.stderr == f"{tmp_path / 'in.wav'}: no samples\n"
    assert not (tmp_path / "out.wav").exists()


def test_the_installed_library_is_found_by_pkg_config(library, predicting, mel, tmp_path):
    if shutil.which("pkg-config") is None:
        pytest.skip("no pkg-config")
    subprocess.run(
        ["cmake", "--install", library, "--prefix", tmp_path / "prefix"],
        check=True,
        capture_output=True,
    )
    folder = next((tmp_path / "prefix").rglob("wavehax.pc")).parent
    environment = os.environ | {
        "PKG_CONFIG_PATH": str(folder),
        "LD_LIBRARY_PATH": str(folder.parent),
    }
    command = ["pkg-config", "--cflags", "--libs", "wavehax"]
    flags = subprocess.run(
        command, check=True, env=environment, capture_output=True, text=True
    ).stdout.split()
    version = subprocess.run(
        [*command[:1], "--modversion", "wavehax"], env=environment, capture_output=True, text=True
    )
    assert version.stdout.strip() == wavehax.__version__
    strict = ["-x", "c", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
    program = tmp_path / "vocode"
    source = REPOSITORY / "csrc/capi/examples/vocode.c"
    subprocess.run(
        [compiler(), *strict, source, "-o", program, f"-Wl,-rpath,{folder.parent}", *flags],
        check=True,
    )
    wave = run_example(program, predicting, mel, tmp_path)
    np.testing.assert_array_equal(wave, wavehax.load(predicting)(mel), strict=True)


def test_the_header_is_c_plus_plus_too(tmp_path):
    (tmp_path / "host.cpp").write_text('#include "wavehax.h"\nint main() { return WAVEHAX_OK; }\n')
    include = f"-I{REPOSITORY / 'csrc/include'}"
    strict = ["-std=c++11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    subprocess.run([compiler(), *strict, include, tmp_path / "host.cpp"], check=True)


def test_library_header_and_package_agree_on_version_and_instruction_sets(c):
    assert c.text("version") == wavehax.__version__
    assert c.text("available_isas").split(",") == wavehax.available_isas()


@pytest.mark.parametrize("name", ["tiny_wavehax", "tiny_wavehax_frame", "tiny_mswavehax"])
def test_a_whole_utterance_has_the_samples_of_python(c, tmp_path, name, isa):
    path = tmp_path / "model.safetensors"
    save_model(path, tiny_model(name))
    rng = np.random.default_rng(5)
    for precision in [*wavehax.available_precisions(isa), "auto"]:
        voc, model = (
            wavehax.load(path, isa=isa, precision=precision),
            CModel(c, path.read_bytes(), isa, precision),
        )
        mel = rng.standard_normal((voc.features.n_mels, 300)).astype(np.float32)
        f0 = np.where(rng.random(300) < 0.7, rng.uniform(60, 400, 300), 0).astype(np.float32)
        found = model.vocode(frames_first(mel), f0, seed=2**64 - 1, threads=3)
        np.testing.assert_array_equal(found, voc(mel, f0, seed=2**64 - 1), strict=True)


def test_a_stream_in_random_chunks_has_the_samples_of_python(c, predicting, mel, f0):
    voc, model = wavehax.load(predicting), CModel(c, predicting)
    stream, rows, rng = CStream(model, seed=1), frames_first(mel), np.random.default_rng(6)
    for given in (f0, None, f0):
        bounds = [0, *sorted(rng.integers(0, len(rows) + 1, 9)), len(rows)]
        spans = list(itertools.pairwise(bounds))
        parts = [stream.push(rows[a:b], None if given is None else given[a:b]) for a, b in spans]
        wave = np.concatenate([*parts, stream.flush()])
        np.testing.assert_array_equal(wave, voc(mel, given, seed=1), strict=True)
        stream.reset(1)


def test_predicted_f0_is_that_of_python(c, predicting, mel):
    found = CModel(c, predicting).predict_f0(frames_first(mel))
    np.testing.assert_array_equal(found, wavehax.load(predicting).f0(mel), strict=True)


def test_a_mel_below_the_floor_and_silence_are_those_of_python(c, tmp_path, f0):
    path, made = tmp_path / "model.safetensors", small_model("wavehax-24k")
    save_model(path, made)
    voc, model = wavehax.load(path), CModel(c, path)
    mel = np.random.default_rng(3).uniform(-25, -5, (made.features.n_mels, 40)).astype(np.float32)
    floored = np.maximum(mel, np.float32(np.log(made.features.log_floor)))
    assert (floored != mel).any()
    rows = frames_first(mel)
    stream = CStream(model)
    for wave in (model.vocode(rows, f0), np.concatenate([stream.push(rows, f0), stream.flush()])):
        np.testing.assert_array_equal(wave, voc(floored, f0), strict=True)
    np.testing.assert_array_equal(model.predict_f0(rows), voc.f0(floored), strict=True)
    assert not model.vocode(np.full_like(rows, -100), f0).any()


def test_a_model_tells_what_python_tells(c, predicting):
    voc, model = wavehax.load(predicting, precision="bf16"), CModel(c, predicting, precision="bf16")
    info = model.info
    assert (info.sample_rate, info.hop_length, info.n_mels) == (
        voc.sample_rate,
        voc.hop_length,
        voc.features.n_mels,
    )
    assert (info.streamable, info.delay, info.predicts_f0) == (1, voc.stream().delay, 1)
    assert (info.isa.decode(), info.precision.decode()) == (voc.isa, voc.precision)
    content = predicting.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert json.loads(model.config()) == json.loads(header["__metadata__"]["wavehax"])


def test_a_stream_in_two_threads_is_refused_to_the_second(c, predicting):
    model = CModel(c, predicting)
    stream, rows = CStream(model), np.zeros((20_000, 10), np.float32)
    thread = threading.Thread(target=stream.push, args=(rows, None))
    thread.start()
    statuses = set()
    while thread.is_alive():
        try:
            stream.push(rows[:0], None)
        except CError as error:
            statuses.add(error.status)
    thread.join()
    assert statuses == {ERROR_STATE}
    assert len(stream.push(rows[:1], None)) == model.info.hop_length
