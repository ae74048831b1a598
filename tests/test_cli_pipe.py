"""`wavehax vocode -`: raw frames in, raw samples out, as they come."""

from __future__ import annotations

import io
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from processes import ENVIRONMENT
from tiny_models import with_f0

import wavehax
from wavehax.checkpoint import save_model
from wavehax.cli import synthesis, vocode
from wavehax.files.sound import pcm16
from wavehax.vocoder import Vocoder

# Neither mel nor F0 needs an adapter, and nothing is scaled.
AS_IS = {"mel_log": None, "mel_power": None, "stats": None, "f0_unit": "hz", "f0_unvoiced": "zero"}
AS_IS |= {"f0_hop": None, "mel_f0": None, "f0_scale": 1, "formant_scale": 1}


def raw(mel: np.ndarray, f0: np.ndarray | None) -> bytes:
    """Frames as they go through the pipe: little-endian float32, the bands, then F0."""
    frames = mel.T if f0 is None else np.column_stack([mel.T, f0])
    return frames.astype("<f4").tobytes()


@pytest.fixture
def start(model_file, tmp_path):
    """Starts `wavehax vocode` in a process of its own."""

    def popen(*arguments: object, **options) -> subprocess.Popen:
        line = [
            sys.executable,
            "-m",
            "wavehax",
            "vocode",
            *map(str, arguments),
            "--model",
            str(model_file),
        ]
        pipes = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            **options,
        }
        return subprocess.Popen(line, cwd=tmp_path, **{"env": ENVIRONMENT, **pipes})

    return popen


def test_frames_become_the_samples_of_the_whole_utterance(start, model_file, mel, f0):
    voc = wavehax.load(model_file)
    out, err = start("-", "-o", "-", "--seed", 3).communicate(raw(mel, f0))
    assert (out, err) == (pcm16(voc(mel, f0, seed=3)), b"")
    out, err = start("-", "-o", "-", "--f0", 150, "--stream", 3).communicate(raw(mel, None))
    assert (out, err) == (pcm16(voc(mel, np.full(40, 150, np.float32))), b"")


def test_chunks_larger_than_any_memory_change_nothing(start, model_file, mel, f0):
    out, err = start("-", "-o", "-", "--stream", 10**30).communicate(raw(mel, f0))
    assert (out, err) == (pcm16(wavehax.load(model_file)(mel, f0)), b"")


def test_frames_need_no_f0_where_the_model_predicts_it(start, tiny, model_file, mel):
    save_model(model_file, with_f0(tiny))
    expected = pcm16(wavehax.load(model_file)(mel, f0_scale=2))
    out, err = start("-", "-o", "-", "--f0", "mel", "--f0-scale", 2, "--stream", 7).communicate(
        raw(mel, None)
    )
    assert (out, err) == (expected, b"")


def test_frames_may_go_to_a_file_and_a_file_to_samples(start, mel_file, mel, f0, tmp_path):
    out, err = start("-", "-o", "out.wav").communicate(raw(mel, f0))
    assert (out, err) == (b"", b"")
    samples, err = start(mel_file, "-o", "-").communicate()
    assert (
        err == b""
        and (tmp_path / "out.wav").read_bytes().endswith(samples)
        and len(samples) == 40 * 32 * 2
    )


def test_frames_with_f0_are_told_apart_from_those_without(tiny, mel, f0):
    voc = Vocoder(with_f0(tiny))

    def refused(content: bytes, words: str, **options: object) -> None:
        arguments = SimpleNamespace(seed=0, stream=4, **{**AS_IS, **options})
        with pytest.raises(ValueError, match=words):
            list(vocode.vocode_frames(voc, io.BufferedReader(io.BytesIO(content)), arguments))

    # The F0 of frame 0 follows its ten bands, and is read as band 0 of frame 1.
    words = "mel is 150.0 in band 0 of frame 1, .*each frame is 10 bands and F0: leave out --f0"
    refused(raw(mel, f0), words, f0="mel")
    refused(raw(mel, f0), words, f0=120.0, mel_log="10")
    silence = np.zeros(20)
    silence[13:] = 200  # value 13 * 11 + 10 is the first
    refused(raw(mel[:, :20], silence), "200.0 in band 3 of frame 15", f0="mel")
    # The F0 of the first frame is band 0 of the second.
    low = -np.abs(mel)
    words = f"f0 is {low[0, 1]} in frame 0: expected Hz .*if frames are the bands alone, give --f0"
    refused(raw(low, None), words, f0=None)


def test_negative_f0_behind_each_frame_is_told_the_flag_that_takes_it(start, mel, f0):
    unvoiced = np.arange(40) % 8 > 4
    content = raw(mel, np.where(unvoiced, -1, f0))
    out, err = start("-", "-o", "-").communicate(content)
    assert out == b"" and err.count(b"\n") == 1 and b"--f0-unvoiced any" in err
    taken = start("-", "-o", "-", "--f0-unvoiced", "any").communicate(content)
    assert taken == start("-", "-o", "-").communicate(raw(mel, np.where(unvoiced, 0, f0)))
    assert taken[0] and taken[1] == b""


@pytest.mark.parametrize(
    "options",
    [{}, {"mel_log": "10"}, {"mel_log": "dB"}, {"mel_power": 2}, {"f0_unit": "midi"}],
    ids=str,
)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_messages_count_frames_from_the_first_of_the_pipe_however_they_are_written(
    tiny, mel, bad, options
):
    notes = np.full(40, 60.0)
    in_f0 = "f0_unit" in options
    if in_f0:
        notes[30] = bad
    else:
        mel[4, 30] = bad
    words = f"f0 is {bad} in frame 30" if in_f0 else f"mel is {bad} in band 4 of frame 30"
    arguments = SimpleNamespace(seed=0, f0=None, stream=7, **{**AS_IS, **options})
    source = io.BufferedReader(io.BytesIO(raw(mel, notes)))
    with pytest.raises(ValueError, match=words):
        list(vocode.vocode_frames(Vocoder(tiny), source, arguments))


def test_the_loudest_mels_are_frames_of_sound(tiny, mel):
    voc = Vocoder(with_f0(tiny))
    loud = mel + 18
    arguments = SimpleNamespace(seed=0, f0="mel", stream=None, **AS_IS)
    source = io.BufferedReader(io.BytesIO(raw(loud, None)))
    np.testing.assert_array_equal(
        np.concatenate(list(vocode.vocode_frames(voc, source, arguments))), voc(loud)
    )


def test_samples_come_as_soon_as_their_frames_have(start, model_file, mel, f0):
    voc = wavehax.load(model_file)
    expected = pcm16(voc(mel, f0))
    delay = voc.stream().delay
    process = start("-", "-o", "-")
    got = b""
    for i in range(0, 40, 5):
        process.stdin.write(raw(mel[:, i : i + 5], f0[i : i + 5]))
        process.stdin.flush()
        due = 2 * max(0, (i + 5) * 32 - delay)
        got += process.stdout.read(due - len(got))
        assert got == expected[:due]
    process.stdin.close()
    assert got + process.stdout.read() == expected
    assert process.wait() == 0
    process.stdout.close()
    process.stderr.close()


def test_frames_cut_anywhere_by_the_pipe_are_put_together(tiny, mel, f0):
    class Dribble(io.RawIOBase):
        """Gives what there is in pieces of 1 to 97 bytes."""

        def __init__(self, content: bytes) -> None:
            self.content, self.size = content, 0

        def read1(self, most: int) -> bytes:
            self.size = self.size % 97 + 1
            piece = self.content[: min(self.size, most)]
            self.content = self.content[len(piece) :]
            return piece

    voc = Vocoder(tiny)
    arguments = SimpleNamespace(seed=0, f0=None, stream=4, **AS_IS)
    blocks = list(vocode.vocode_frames(voc, Dribble(raw(mel, f0)), arguments))
    np.testing.assert_array_equal(np.concatenate(blocks), voc(mel, f0))


def test_memory_does_not_grow_with_the_length_of_the_pipe(tiny):
    class Endless(io.RawIOBase):
        """50,000 frames of silence: 2.2 MB in, 6.4 MB of float32 out."""

        left = 50_000 * 44

        def read1(self, most: int) -> bytes:
            size = min(most, self.left)
            self.left -= size
            return bytes(size)

    arguments = SimpleNamespace(seed=0, f0=None, stream=None, threads=1, **AS_IS)
    sink = SimpleNamespace(write=len, flush=lambda: None)
    voc = Vocoder(tiny)
    tracemalloc.start()
    try:
        synthesis.write_pcm(sink, vocode.vocode_frames(voc, Endless(), arguments))
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


BAD_FRAMES = {
    "nothing": (lambda content: b"", "standard input is empty"),
    "part of a frame": (lambda content: content[:-7], "ends inside frame 39: 37 of its 44 bytes"),
    "part of the first": (lambda content: content[:5], "ends inside frame 0: 5 of its 44 bytes"),
    "NaN": (lambda content: content[: 44 * 30] + b"\xff" * 44, "mel is nan in band 0 of frame 30"),
    "a negative F0": (
        lambda content: content + bytes(40) + np.float32(-1).tobytes(),
        "f0 is -1.0 in frame 40",
    ),
}


@pytest.mark.parametrize(("change", "words"), BAD_FRAMES.values(), ids=BAD_FRAMES)
@pytest.mark.slow
def test_bad_frames_give_one_line_and_exit_code_1(start, mel, f0, tmp_path, change, words):
    for output in ("-", "out.wav"):
        process = start("-", "-o", output)
        _, err = process.communicate(change(raw(mel, f0)))
        assert process.returncode == 1 and words in err.decode() and err.count(b"\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.safetensors"]


def test_a_reader_that_goes_away_is_no_error_message(start, mel, f0):
    process = start("-", "-o", "-")
    process.stdin.write(raw(mel, f0))
    process.stdin.flush()
    assert len(process.stdout.read(100)) == 100
    process.stdout.close()
    _, err = process.communicate(raw(mel, f0) * 50)
    assert (process.returncode, err) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_device_gives_one_line(start, mel_file):
    with open("/dev/full", "wb") as full:
        process = start(mel_file, "-o", "-", stdout=full)
        _, err = process.communicate()
    assert process.returncode == 1 and err == b"wavehax: [Errno 28] No space left on device\n"


def test_all_is_written_where_the_system_takes_a_part_at_a_time(tiny, mel, f0):
    class Parts(io.RawIOBase):
        """Takes 1 to 997 bytes of what it is given."""

        def __init__(self) -> None:
            self.content = b""

        def write(self, data: memoryview) -> int:
            taken = bytes(data[: len(self.content) % 997 + 1])
            self.content += taken
            return len(taken)

    sink, wave = Parts(), Vocoder(tiny)(mel, f0)
    synthesis.write_pcm(sink, [wave[:500], wave[500:]])
    assert sink.content == pcm16(wave)


def test_a_sink_that_takes_nothing_is_an_error(tiny, mel, f0):
    sink = SimpleNamespace(write=lambda data: None, flush=lambda: None)
    with pytest.raises(OSError, match="takes no more: 2560 of 2560 bytes"):
        synthesis.write_pcm(sink, [Vocoder(tiny)(mel, f0)])


def test_a_disk_that_becomes_full_is_an_error_of_unbuffered_output_too(start, mel_file, tmp_path):
    resource = pytest.importorskip("resource")
    for buffering in ("", "1"):
        with open(tmp_path / "full.pcm", "wb") as file:
            process = start(
                *(mel_file, "-o", "-"),
                stdout=file,
                env={**ENVIRONMENT, "PYTHONUNBUFFERED": buffering},
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
            )
            _, err = process.communicate()
        assert (tmp_path / "full.pcm").stat().st_size <= 1000 < 40 * 32 * 2
        assert process.returncode == 1 and err == b"wavehax: [Errno 27] File too large\n"


def test_a_model_that_needs_the_whole_utterance_takes_no_frames(
    start, model_file, utterance, mel, f0
):
    save_model(model_file, utterance)
    process = start("-", "-o", "-")
    out, err = process.communicate(raw(mel, f0))
    assert (
        (process.returncode, out) == (1, b"") and b"cannot stream" in err and err.count(b"\n") == 1
    )
