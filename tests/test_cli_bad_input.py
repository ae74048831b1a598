"""Bad input: one clear line, exit code 1, no traceback, and no file left or touched."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
from processes import run_python

from wavehax.checkpoint import save_model
from wavehax.files import batch


@pytest.fixture
def refused(command, model_file, tmp_path):
    """Checks that a command fails with one line holding certain words, and changes no file."""

    def snapshot():
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def check(words: str, *arguments: object, model: object = model_file) -> None:
        before = snapshot()
        code, out, err = command(*arguments, "--model", model)
        assert (code, out) == (1, "")
        assert words in err and err.startswith("wavehax: ") and err.count("\n") == 1, err
        assert snapshot() == before

    return check


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


BAD_ARRAYS = {
    "wrong number of bands": (
        lambda mel, f0: (mel[:9], f0),
        "expected [10, T], log-mel 'tiny': 10 slaney bands 0-8000 Hz",
    ),
    "NaN in the mel": (
        lambda mel, f0: (changed(mel, (3, 17), np.nan), f0),
        "mel is nan in band 3 of frame 17",
    ),
    "infinity in the mel": (
        lambda mel, f0: (changed(mel, (0, 0), np.inf), f0),
        "mel is inf in band 0 of frame 0",
    ),
    "integers": (lambda mel, f0: (mel.astype(int), f0), "expected floating point"),
    "a negative F0": (lambda mel, f0: (mel, changed(f0, 3, -100)), "f0 is -100.0 in frame 3"),
    "NaN in F0": (lambda mel, f0: (mel, changed(f0, 39, np.nan)), "f0 is nan in frame 39"),
    "infinity in F0": (lambda mel, f0: (mel, changed(f0, 39, np.inf)), "f0 is inf in frame 39"),
    "a short F0": (lambda mel, f0: (mel, f0[:30]), "f0 has 30 frames and mel has 40"),
    "a long F0": (lambda mel, f0: (mel[:, :30], f0), "f0 has 40 frames and mel has 30"),
    "no frames": (lambda mel, f0: (mel[:, :0], f0[:0]), "mel is empty"),
    "no bands": (lambda mel, f0: (mel[:0], f0), "mel has shape [0, 40]"),
    "one axis": (lambda mel, f0: (mel[0], f0), "mel has shape [40]"),
    "F0 with two columns": (lambda mel, f0: (mel, np.stack([f0, f0])), "f0 has shape [2, 40]"),
}


@pytest.mark.parametrize("stream", [[], ["--stream", 7]], ids=["whole", "streamed"])
@pytest.mark.parametrize(("change", "words"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_bad_arrays_are_refused_before_anything_is_written(
    refused, mel, f0, tmp_path, change, words, stream
):
    bad_mel, bad_f0 = change(mel, f0)
    np.savez(tmp_path / "bad.npz", mel=bad_mel, f0=bad_f0)
    refused(words, "vocode", tmp_path / "bad.npz", "-o", tmp_path / "out.wav", *stream)


def test_a_mel_without_f0_is_refused_with_both_ways_out(refused, mel, tmp_path):
    np.save(tmp_path / "mel.npy", mel)
    refused("--f0", "vocode", tmp_path / "mel.npy", "-o", tmp_path / "out.wav")
    refused(
        "wavehax[f0]", "vocode", tmp_path / "mel.npy", "-o", tmp_path / "out.wav", "--stream", 3
    )


def test_an_f0_file_that_is_none_is_refused(refused, mel_file, tmp_path):
    refused(
        "f0.npy: no such file",
        "vocode",
        mel_file,
        "-o",
        tmp_path / "out.wav",
        "--f0",
        tmp_path / "f0.npy",
    )
    refused(
        "f0.txt: unknown file type",
        "vocode",
        mel_file,
        "-o",
        tmp_path / "out.wav",
        "--f0",
        tmp_path / "f0.txt",
    )


@pytest.mark.parametrize(
    ("values", "arguments"),
    [
        ([0, 150], ["--f0-scale", "1e300"]),
        ([0, 3e38], ["--f0-scale", 2]),
        ([0, 1e200], ["--f0-scale", "1e200"]),
        ([0, 150], ["--f0", "1e39"]),
    ],
)
@pytest.mark.filterwarnings("error")
def test_an_f0_beyond_all_numbers_is_refused_by_its_frame_alone(
    refused, mel, tmp_path, values, arguments
):
    np.savez(
        tmp_path / "a.npz",
        mel=mel[:, :2],
        f0=np.array(values, np.float32 if values[1] < 1e39 else float),
    )
    frame = 0 if "--f0" in arguments else 1
    for stream in ([], ["--stream", 1]):
        output = tmp_path / "out.wav"
        refused(
            f"f0 is inf in frame {frame}",
            "vocode",
            tmp_path / "a.npz",
            "-o",
            output,
            *arguments,
            *stream,
        )


@pytest.mark.filterwarnings("error")
def test_values_that_are_no_logarithms_are_one_line_where_f0_is_scaled(refused, mel, f0, tmp_path):
    np.savez(tmp_path / "a.npz", mel=np.full_like(mel, 400), f0=f0)
    arguments = ("vocode", tmp_path / "a.npz", "-o", tmp_path / "out.wav", "--f0-scale", 2)
    refused("is not finite: is this a log-mel-spectrogram?", *arguments)


def test_an_f0_of_text_is_refused(refused, mel, mel_file, tmp_path):
    np.save(tmp_path / "f0.npy", np.array(["100"] * 40))
    np.savez(tmp_path / "a.npz", mel=mel, f0=np.array(["100"] * 40))
    scale = ("-o", tmp_path / "out.wav", "--f0-scale", 2)
    refused(
        "a.npz: f0 is of type <U3: expected numbers in Hz", "vocode", tmp_path / "a.npz", *scale
    )
    refused("f0.npy: f0 is of type <U3", "vocode", mel_file, *scale, "--f0", tmp_path / "f0.npy")


def test_a_malformed_file_does_not_keep_the_others_from_being_done(
    command, model_file, mel_file, tmp_path
):
    np.save(tmp_path / "scalar.npy", np.float32(3))
    arguments = (
        "vocode",
        tmp_path / "scalar.npy",
        mel_file,
        "-o",
        f"{tmp_path}/out/",
        "--model",
        model_file,
    )
    code, out, err = command(*arguments)
    assert (code, out) == (1, "")
    assert "scalar.npy: mel has shape []: expected [10, T]" in err and err.count("\n") == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["utterance.wav"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_mistake_of_ours_is_raised_when_all_other_files_are_done(tmp_path, capsys, jobs):
    def work(path, output):
        if path.stem == "odd":
            raise IndexError("not foreseen")
        output.write_text("done")

    pairs = [(tmp_path / name, tmp_path / f"{name}.out") for name in ("odd", "a", "b", "c")]
    with pytest.raises(IndexError, match="not foreseen"):
        batch.run(work, pairs, jobs)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.out", "b.out", "c.out"]
    assert capsys.readouterr().err == f"wavehax: {tmp_path / 'odd'}: not foreseen\n"


@pytest.mark.parametrize(
    "name", ["missing.npy", "empty.npy", "text.npz", "sound.wav", "noise.h5", "noise.pt", "folder"]
)
def test_a_file_that_is_no_mel_is_refused_by_name(refused, tmp_path, name):
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif not name.startswith("missing"):
        path.write_bytes(b"" if name.startswith("empty") else b"nonsense " * 99)
    refused(name, "vocode", path, "-o", tmp_path / "out.wav")


@pytest.mark.parametrize(
    "name", ["missing.wav", "empty.wav", "text.wav", "silence.wav", "nan.wav", "tick.wav", "folder"]
)
def test_a_recording_that_cannot_be_used_is_refused_by_name(refused, tmp_path, name):
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / name
    contents = {
        "silence.wav": np.zeros(0),
        "nan.wav": np.full(999, np.nan),
        "tick.wav": np.zeros(9),
    }
    if name == "folder":
        path.mkdir()
    elif name in contents:
        soundfile.write(path, contents[name], 24000, subtype="FLOAT")
    elif name != "missing.wav":
        path.write_bytes(b"" if name.startswith("empty") else b"nonsense " * 99)
    if name != "tick.wav":  # 9 samples are no frame, but resynth adds zeros
        refused(name, "resynth", path, "-o", tmp_path / "out.wav", "--f0", 100)
    refused(name, "features", path, "-o", tmp_path / "out.npz")


@pytest.mark.parametrize("name", ["out.xyz", "out", "out.raw", "out.npy"])
def test_an_unknown_type_of_output_is_refused(refused, mel_file, tmp_path, name):
    refused(f"{name}: unknown sound file type", "vocode", mel_file, "-o", tmp_path / name)


def test_an_output_that_cannot_be_written_is_refused(refused, mel_file, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "device.wav").symlink_to("/dev/null")
    refused("no such folder", "vocode", mel_file, "-o", tmp_path / "missing" / "out.wav")
    refused("file", "vocode", mel_file, "-o", tmp_path / "file" / "out.wav")
    refused("file", "vocode", mel_file, "-o", f"{tmp_path}/file/deep/")
    refused("out.wav", "vocode", mel_file, "-o", "/proc/out.wav")
    refused(
        "device.wav: exists, and is not a file",
        "vocode",
        mel_file,
        "-o",
        tmp_path / "device.wav",
        "--force",
    )
    (tmp_path / "folder" / "utterance.wav").mkdir(parents=True)
    refused(
        "utterance.wav: exists, and is not a file",
        "vocode",
        mel_file,
        "-o",
        tmp_path / "folder",
        "--force",
    )


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root"
)
def test_a_folder_without_permission_is_refused(refused, mel_file, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    refused("cannot be written", "vocode", mel_file, "-o", tmp_path / "locked" / "out.wav")


@pytest.mark.parametrize(
    "arguments", [("vocode", ".wav"), ("resynth", ".wav"), ("features", ".npz")]
)
def test_an_existing_output_is_kept_without_force(refused, mel_file, request, tmp_path, arguments):
    command, suffix = arguments
    output = tmp_path / f"mine{suffix}"
    output.write_text("mine")
    recording = request.config.rootpath / "tests" / "data" / "recording.wav"
    refused("exists already", command, mel_file if command == "vocode" else recording, "-o", output)


def test_a_truncated_or_altered_model_is_refused(refused, model_file, mel_file, tmp_path):
    content = model_file.read_bytes()
    altered = content.replace(b'"blocks.0.gamma"', b'"blocks.0.gemma"')
    infinite = content[:-4] + np.float32(np.inf).tobytes()
    cases = {
        "cut": content[:-1],
        "short": content[:100],
        "empty": b"",
        "altered": altered,
        "infinite": infinite,
    }
    for name, bad in cases.items():
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(bad)
        refused(f"{name}.safetensors: ", "vocode", mel_file, "-o", tmp_path / "out.wav", model=path)
    refused(
        "missing.safetensors: no such file",
        "vocode",
        mel_file,
        "-o",
        tmp_path / "out.wav",
        model="missing.safetensors",
    )
    refused(
        "no model of this name",
        "vocode",
        mel_file,
        "-o",
        tmp_path / "out.wav",
        model="no-such-name",
    )


def test_info_refuses_what_is_no_model(command, mel_file):
    code, out, err = command("info", mel_file)
    assert (code, out) == (1, "") and str(mel_file) in err and err.count("\n") == 1


def test_info_shows_control_characters_of_a_model_file_escaped(command, tiny, tmp_path):
    tiny.provenance = {"by\r": "Zoë\x1b[2J\nmodel /etc", "scores": {"d\x07v": ["\x9b1m", "\u202e"]}}
    save_model(tmp_path / "a.safetensors", tiny)
    code, out, err = command("info", tmp_path / "a.safetensors")
    assert (code, err) == (0, "")
    assert all(line.isprintable() for line in out.split("\n"))
    assert r"Zoë\x1b[2J\nmodel /etc" in out and r"by\r" in out and r"d\x07v" in out


def test_a_model_that_needs_the_whole_utterance_refuses_to_stream(
    refused, utterance, mel_file, tmp_path
):
    save_model(tmp_path / "utterance.safetensors", utterance)
    arguments = ("vocode", mel_file, "-o", tmp_path / "out.wav", "--stream", 4)
    refused("cannot stream: its norm", *arguments, model=tmp_path / "utterance.safetensors")


def test_an_output_that_is_not_finite_leaves_no_broken_sound(refused, tiny, mel, f0, tmp_path):
    tiny.weights["output_proj.weight"] = np.full((2, 8), 1e38, np.float32)
    save_model(tmp_path / "loud.safetensors", tiny)
    np.savez(tmp_path / "a.npz", mel=mel, f0=f0)
    arguments = ("vocode", tmp_path / "a.npz", "-o", tmp_path / "out.wav")
    refused(
        "is not finite: is this a log-mel-spectrogram?",
        *arguments,
        model=tmp_path / "loud.safetensors",
    )


def test_a_full_disk_leaves_nothing_and_one_line(model_file, mel_file, tmp_path):
    pytest.importorskip("resource", reason="the size of files cannot be limited here")
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from wavehax.cli import main\n"
        f"sys.exit(main(['vocode', {str(mel_file)!r}, '-o', 'out.wav', '--model',"
        f" {str(model_file)!r}]))"
    )
    done = run_python(code, tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert "out.wav: cannot be written whole" in done.stderr and done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.safetensors", "utterance.npz"]


def test_control_characters_of_a_file_name_are_shown_escaped(command, model_file, tmp_path):
    for name in ("\x1b[2J.npy", "new\nline.npy"):
        _, _, err = command(
            "vocode", tmp_path / name, "-o", tmp_path / "out.wav", "--model", model_file
        )
        assert err[:-1].isprintable() and err.count("\n") == 1 and err.count("no such file") == 1


@pytest.mark.slow
def test_what_torch_warns_of_a_file_is_not_shown(model_file, tmp_path):
    torch = pytest.importorskip("torch", reason="the extra [train] brings torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(
            torch.quantize_per_tensor(torch.ones(10, 4), 0.1, 0, torch.qint8), tmp_path / "a.pt"
        )
    words = ["vocode", "a.pt", "-o", "a.wav", "--model", str(model_file)]
    done = run_python(
        f"import sys; from wavehax.cli import main; sys.exit(main({words}))", tmp_path
    )
    assert (
        done.returncode == 1
        and done.stderr.startswith("wavehax: a.pt: ")
        and done.stderr.count("\n") == 1
    )


def test_the_program_says_one_line_without_traceback(model_file, mel_file, tmp_path):
    arguments = ["vocode", str(mel_file), "-o", "missing/out.wav", "--model", str(model_file)]
    done = run_python(
        f"import runpy, sys; sys.argv[1:] = {arguments}; runpy.run_module('wavehax')", tmp_path
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"wavehax: {mel_file}: missing: no such folder\n"
