from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from tiny_models import with_f0

import wavehax
from wavehax.checkpoint import Model, save_model
from wavehax.config import FEATURES, parameter_shapes
from wavehax.files.progress import Progress
from wavehax.files.sound import pcm16, read_audio, write_audio
from wavehax.mel.features import frame_count, log_mel

soundfile = pytest.importorskip("soundfile")


@pytest.fixture
def synthesize(command, model_file):
    """Runs `wavehax vocode` with the tiny model, and expects it to say nothing and succeed."""

    def run(*arguments):
        assert command("vocode", "--model", model_file, *arguments) == (0, "", "")

    return run


def samples(path) -> np.ndarray:
    return soundfile.read(path, dtype="int16")[0]


def as_written(wave: np.ndarray) -> np.ndarray:
    return np.frombuffer(pcm16(wave), "<i2")


def test_vocode_writes_what_the_python_interface_returns(
    synthesize, model_file, mel_file, mel, f0, tmp_path
):
    voc = wavehax.load(model_file)
    synthesize(mel_file, "-o", tmp_path / "a.wav")
    np.testing.assert_array_equal(samples(tmp_path / "a.wav"), as_written(voc(mel, f0)))
    assert soundfile.info(tmp_path / "a.wav").samplerate == 24000
    synthesize(
        mel_file, "-o", tmp_path / "b.wav", "--seed", 7, "--f0-scale", 1.5, "--isa", "portable"
    )
    expected = wavehax.load(model_file, isa="portable")(mel, f0, f0_scale=1.5, seed=7)
    np.testing.assert_array_equal(samples(tmp_path / "b.wav"), as_written(expected))


def test_f0_comes_from_a_file_or_a_number_before_that_of_the_mel_file(
    synthesize, model_file, mel_file, mel, tmp_path
):
    np.save(tmp_path / "mel.npy", mel)
    np.save(tmp_path / "f0.npy", np.full(40, 123.0))
    synthesize(tmp_path / "mel.npy", "-o", tmp_path / "a.wav", "--f0", tmp_path / "f0.npy")
    synthesize(mel_file, "-o", tmp_path / "b.wav", "--f0", 123)
    expected = as_written(wavehax.load(model_file)(mel, np.full(40, 123, np.float32)))
    np.testing.assert_array_equal(samples(tmp_path / "a.wav"), expected)
    np.testing.assert_array_equal(samples(tmp_path / "b.wav"), expected)


def test_a_mel_is_enough_where_the_model_predicts_f0(
    synthesize, command, tiny, model_file, mel_file, mel, tmp_path
):
    np.save(tmp_path / "mel.npy", mel)
    code, _, said = command(
        "vocode", tmp_path / "mel.npy", "-o", tmp_path / "a.wav", "--model", model_file
    )
    assert code == 1 and "--f0" in said and said.count("\n") == 1
    assert "must be given" in command("info", model_file)[1]
    save_model(model_file, with_f0(tiny))
    assert "predicted from the mel where not given: 80-247 Hz" in command("info", model_file)[1]
    voc = wavehax.load(model_file)
    for flag, option in (("--f0-scale", "f0_scale"), ("--formant-scale", "formant_scale")):
        synthesize(tmp_path / "mel.npy", "-o", tmp_path / f"{option}.wav", flag, 1.5)
        synthesize(tmp_path / "mel.npy", "-o", tmp_path / "b.wav", flag, 1.5, "--stream", 3)
        expected = as_written(voc(mel, **{option: 1.5}))
        for name in (f"{option}.wav", "b.wav"):
            np.testing.assert_array_equal(samples(tmp_path / name), expected)
        (tmp_path / "b.wav").unlink()
    synthesize(mel_file, "-o", tmp_path / "c.wav", "--f0", "mel")  # which has F0 of its own
    np.testing.assert_array_equal(samples(tmp_path / "c.wav"), as_written(voc(mel)))
    synthesize(tmp_path / "mel.npy", "-o", tmp_path / "d.wav", "--f0", 123)
    np.testing.assert_array_equal(
        samples(tmp_path / "d.wav"), as_written(voc(mel, np.full(40, 123, np.float32)))
    )


def test_threads_give_the_same_bits(synthesize, tmp_path):
    mel = np.random.default_rng(0).standard_normal((10, 300)).astype(np.float32)
    np.savez(tmp_path / "long.npz", mel=mel, f0=np.full(300, 150.0))
    synthesize(tmp_path / "long.npz", "-o", tmp_path / "one.wav")
    synthesize(tmp_path / "long.npz", "-o", tmp_path / "three.wav", "--threads", 3)
    assert (tmp_path / "three.wav").read_bytes() == (tmp_path / "one.wav").read_bytes()


@pytest.mark.parametrize("chunk", [1, 7, 40, 1000])
def test_streaming_into_a_file_gives_the_same_bits(synthesize, mel_file, tmp_path, chunk):
    synthesize(mel_file, "-o", tmp_path / "whole.wav")
    synthesize(mel_file, "-o", tmp_path / "stream.wav", "--stream", chunk)
    assert (tmp_path / "stream.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".aiff", ".WAV"])
def test_the_suffix_decides_the_type_of_sound_file(synthesize, mel_file, tmp_path, suffix):
    synthesize(mel_file, "-o", tmp_path / f"a{suffix}")
    assert soundfile.info(tmp_path / f"a{suffix}").frames == 40 * 32


def test_force_replaces_an_existing_output(synthesize, mel_file, tmp_path):
    (tmp_path / "a.wav").write_text("mine")
    synthesize(mel_file, "-o", tmp_path / "a.wav", "--force")
    assert len(samples(tmp_path / "a.wav")) == 40 * 32


@pytest.mark.parametrize("jobs", [1, 4])
def test_many_inputs_and_patterns_go_to_a_folder(synthesize, mel, f0, tmp_path, monkeypatch, jobs):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for i, folder in itertools.product(range(5), ("in", "in/deep")):
        np.savez(tmp_path / folder / f"{folder[-1]}{i}.npz", mel=mel[:, : i + 1], f0=f0[: i + 1])
    monkeypatch.chdir(tmp_path)
    synthesize("in/n[12].npz", "in/deep/p0.npz", "-o", "some")
    synthesize("in/**/*.npz", "-o", tmp_path / "all" / "waves", "--jobs", jobs)
    assert sorted(lengths(tmp_path / "some")) == ["deep/p0.wav", "n1.wav", "n2.wav"]
    assert lengths(tmp_path / "all" / "waves") == {
        f"{folder}{i}.wav": 32 * (i + 1) for folder in ("n", "deep/p") for i in range(5)
    }


def lengths(folder: Path) -> dict[str, int]:
    """Samples of every file below `folder`."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): len(samples(path)) for path in paths}


def test_one_input_goes_into_a_folder_that_exists_or_ends_in_a_slash(
    synthesize, mel_file, tmp_path
):
    (tmp_path / "there").mkdir()
    synthesize(mel_file, "-o", tmp_path / "there")
    synthesize(mel_file, "-o", f"{tmp_path}/new/")
    assert (tmp_path / "there" / "utterance.wav").exists() and (
        tmp_path / "new" / "utterance.wav"
    ).exists()


def test_a_file_that_fails_is_named_and_the_others_are_done(command, model_file, mel, f0, tmp_path):
    for name in ("a", "b", "c"):
        np.savez(tmp_path / f"{name}.npz", mel=mel[: 9 if name == "b" else 10], f0=f0)
    inputs = [tmp_path / f"{name}.npz" for name in ("a", "b", "c", "missing")]
    code, out, err = command("vocode", *inputs, "-o", tmp_path / "out", "--model", model_file)
    assert code == 1 and out == ""
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.wav", "c.wav"]
    lines = sorted(err.splitlines())
    assert (
        len(lines) == 2
        and "b.npz: mel has shape [9, 40]" in lines[0]
        and "missing.npz: no such file" in lines[1]
    )


def test_a_progress_bar_is_drawn_on_a_terminal_alone(
    synthesize, mel, f0, tmp_path, monkeypatch, capsys
):
    for i in range(3):
        np.savez(tmp_path / f"{i}.npz", mel=mel, f0=f0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    bar = Progress(3)
    bar.show(3)
    bar.clear()
    assert "[##############################] 3/3" in capsys.readouterr().err
    Progress(1).show(1)
    assert capsys.readouterr().err == ""


@pytest.fixture
def preset_model(tiny, tmp_path):
    """A small model with random weights for the features wavehax-24k."""
    generator = type(tiny.generator)(channels=4, num_blocks=1, kernel_size=3, norm="frame")
    rng = np.random.default_rng(0)
    weights = {
        name: rng.normal(0, 0.02, shape).astype("f")
        for name, shape in parameter_shapes(generator).items()
    }
    weights["mel_scale"] = np.ones(100, np.float32)
    save_model(tmp_path / "preset.safetensors", Model(generator, FEATURES["wavehax-24k"], weights))
    return tmp_path / "preset.safetensors"


@pytest.fixture
def recording(request) -> str:
    return str(request.config.rootpath / "tests" / "data" / "recording.wav")


@pytest.mark.slow
def test_features_writes_mel_and_f0_that_vocode_reads_and_resynth_does_both(
    command, preset_model, recording, tmp_path
):
    pytest.importorskip("pyworld", reason="the extra [f0] brings pyworld")
    audio, _ = read_audio(recording, 24000)
    audio = audio[: len(audio) // 240 * 240]  # whole hops; resynth adds what is behind them
    recording = tmp_path / "whole.wav"
    soundfile.write(recording, audio, 24000)
    assert command("features", recording, "-o", tmp_path / "a.npz", "--model", preset_model) == (
        0,
        "",
        "",
    )
    with np.load(tmp_path / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays["mel"], log_mel(audio, FEATURES["wavehax-24k"]))
        assert (
            arrays["f0"].shape == arrays["mel"].shape[1:] and 0.4 < np.mean(arrays["f0"] > 0) < 0.95
        )
    assert command(
        "vocode", tmp_path / "a.npz", "-o", tmp_path / "a.wav", "--model", preset_model
    ) == (0, "", "")
    assert command("resynth", recording, "-o", tmp_path / "b.wav", "--model", preset_model) == (
        0,
        "",
        "",
    )
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_features_of_a_preset_need_no_model(command, recording, tmp_path):
    audio, rate = read_audio(recording, duration=0.5)
    write_audio(tmp_path / "a.wav", audio, rate)
    line = (tmp_path / "a.wav", "-o", tmp_path / "a.npz", "--features", "vocos-24k")
    assert command("features", *line)[0] == 0
    with np.load(tmp_path / "a.npz") as arrays:
        frames = frame_count(len(audio), FEATURES["vocos-24k"])
        assert arrays["mel"].shape == (100, frames)


def test_without_pyworld_features_writes_the_mel_alone_and_resynth_asks_for_f0(
    command, preset_model, recording, tmp_path, monkeypatch
):
    monkeypatch.setitem(__import__("sys").modules, "pyworld", None)
    code, _, err = command(
        "features", recording, "-o", tmp_path / "a.npz", "--features", "wavehax-24k"
    )
    assert code == 0 and "mel without f0" in err and "wavehax[f0]" in err
    with np.load(tmp_path / "a.npz") as arrays:
        assert list(arrays) == ["mel"]
    code, _, err = command("resynth", recording, "-o", tmp_path / "a.wav", "--model", preset_model)
    assert code == 1 and "wavehax[f0]" in err and "--f0" in err and err.count("\n") == 1
    assert command(
        "resynth", recording, "-o", tmp_path / "a.wav", "--model", preset_model, "--f0", 110
    ) == (0, "", "")


def test_resynth_is_no_longer_than_the_recording(command, tiny, preset_model, tmp_path):
    features = FEATURES["vocos-24k"]
    generator = type(tiny.generator)(
        channels=4, num_blocks=1, kernel_size=3, norm="frame", n_fft=512, hop_length=256
    )
    shapes = parameter_shapes(generator)
    weights = {name: np.full(shape, 0.01, np.float32) for name, shape in shapes.items()}
    save_model(tmp_path / "centre.safetensors", Model(generator, features, weights))
    soundfile.write(tmp_path / "in.wav", np.random.default_rng(0).uniform(-0.1, 0.1, 5000), 24000)
    for extra in ([], ["--stream", 3]):
        code, _, err = command(
            "resynth",
            tmp_path / "in.wav",
            "-o",
            tmp_path / "o.wav",
            "--force",
            "--f0",
            99,
            "--model",
            tmp_path / "centre.safetensors",
            *extra,
        )
        assert (code, err) == (0, "") and len(samples(tmp_path / "o.wav")) == 5000


def test_info_says_what_a_model_is(command, model_file, utterance, tmp_path):
    code, out, err = command("info", model_file)
    assert (code, err) == (0, "")
    assert "tiny: 10 slaney bands 0-8000 Hz" in out and "24000 Hz, 32 samples a frame" in out
    assert "parameters  10,937" in out and "none, it is a test" in out
    assert f"delay {wavehax.load(model_file).stream().delay} samples" in out
    assert f"available: {', '.join(wavehax.available_isas())}" in out
    assert f"{wavehax.load(model_file).stream().memory / 1e6:.1f} MB a voice" in out
    save_model(tmp_path / "utterance.safetensors", utterance)
    assert "needs the whole utterance" in command("info", tmp_path / "utterance.safetensors")[1]


def test_version_and_help_exit_with_0(capsys):
    from wavehax.cli import main

    for arguments in (
        ["--version"],
        ["--help"],
        ["vocode", "--help"],
        ["import-official", "--help"],
    ):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0
    assert f"wavehax {wavehax.__version__}\n" in capsys.readouterr().out


USAGE_ERRORS = {
    "no command": [],
    "an unknown command": ["vocoder"],
    "no output": ["vocode", "a.npy"],
    "no input": ["vocode", "-o", "a.wav"],
    "an unknown flag": ["vocode", "a.npy", "-o", "a.wav", "--sede", "1"],
    "an abbreviated flag": ["vocode", "a.npy", "-o", "a.wav", "--forc"],
    "a seed that is none": ["vocode", "a.npy", "-o", "a.wav", "--seed", "x"],
    "a negative seed": ["vocode", "a.npy", "-o", "a.wav", "--seed", "-1"],
    "a negative F0": ["vocode", "a.npy", "-o", "a.wav", "--f0=-3"],
    "a formant scale of 3": ["vocode", "a.npy", "-o", "a.wav", "--formant-scale", "3"],
    "a scale of 0": ["vocode", "a.npy", "-o", "a.wav", "--f0-scale", "0"],
    "no threads": ["vocode", "a.npy", "-o", "a.wav", "--threads", "0"],
    "threads of a stream": ["resynth", "a.wav", "-o", "b.wav", "--threads", "2", "--stream", "8"],
    "threads of a pipe": ["vocode", "-", "-o", "b.wav", "--threads", "2"],
    "chunks of no frames": ["vocode", "a.npy", "-o", "a.wav", "--stream", "0"],
    "no jobs": ["vocode", "a.npy", "-o", "a.wav", "--jobs", "0"],
    "an unknown instruction set": ["vocode", "a.npy", "-o", "a.wav", "--isa", "sse9"],
    "an unknown preset": ["features", "a.wav", "-o", "a.npz", "--features", "mel"],
    "one F0 file for two inputs": ["vocode", "a.npy", "b.npy", "-o", "out", "--f0", "f0.npy"],
    "frames and a file": ["vocode", "-", "a.npy", "-o", "out"],
    "an F0 file for frames": ["vocode", "-", "-o", "-", "--f0", "f0.npy"],
}


@pytest.mark.parametrize("arguments", USAGE_ERRORS.values(), ids=USAGE_ERRORS)
def test_arguments_that_make_no_sense_give_one_line_and_exit_code_2(
    command, tmp_path, monkeypatch, arguments
):
    monkeypatch.chdir(tmp_path)
    code, out, err = command(*arguments)
    assert code == 2 and out == "" and err.startswith("wavehax: ") and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_several_inputs_need_a_folder_and_different_names(command, model_file, mel_file, tmp_path):
    for output, words in (
        ("a.wav", "expected a folder for 2 inputs"),
        ("out", "would both become"),
    ):
        code, _, err = command(
            "vocode", mel_file, mel_file, "-o", tmp_path / output, "--model", model_file
        )
        assert code == 2 and words in err and not (tmp_path / output).exists()


def test_train_is_handed_its_arguments(command, monkeypatch):
    seen = []
    monkeypatch.setattr("wavehax.train.run", lambda *arguments: seen.append(arguments))
    assert command("train", "a.yaml", "x=1", "y.z=2") == (0, "", "")
    assert seen == [(Path("a.yaml"), "x=1", "y.z=2")]
