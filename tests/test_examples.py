"""Each example, run: with the real thing where it is installed, else with a fake of what it is an
example of."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from tiny_models import tiny_model, with_f0

import wavehax
from wavehax.checkpoint import save_model
from wavehax.config import FEATURES
from wavehax.files.resample import resample
from wavehax.files.sound import pcm16, read_audio
from wavehax.mel.convert import convert
from wavehax.mel.features import log_mel
from wavehax.vocoder import Vocoder

ROOT = Path(__file__).parents[1]
RECORDING = ROOT / "tests" / "data" / "recording.wav"
HIFIGAN, VOCOS = FEATURES["hifigan-22k"], FEATURES["vocos-24k"]


def example(name: str) -> ModuleType:
    """The module of an example."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def voice_model(tiny, model_file) -> Path:
    """The tiny model, predicting F0."""
    save_model(model_file, with_f0(tiny))
    return model_file


@pytest.mark.parametrize("name", [path.stem for path in sorted((ROOT / "examples").glob("*.py"))])
def test_an_example_says_what_it_takes_and_what_is_missing(name, monkeypatch, capsys, tmp_path):
    if name == "f5_tts":
        pytest.importorskip("torch")
    needed, arguments = {
        "f5_tts": ("f5_tts.api", ["a.wav", "a", "b", "-o", "out.wav"]),
        "matcha_tts": ("matcha.cli", ["a.ckpt", "a", "-o", "out.wav"]),
        "microphone": ("sounddevice", []),
        "websocket_server": ("websockets.asyncio.server", []),
    }[name]
    with pytest.raises(SystemExit, match="0"):
        example(name).main(["--help"])
    assert "usage:" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, needed, None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModuleNotFoundError, match=f"this example needs {needed}: pip install"):
        example(name).main(arguments)


class FakeF5TTS:
    """As f5_tts.api.F5TTS of F5-TTS 1: samples a mel after the reference's, and hands it to its
    vocoder."""

    mel_spec_type = "vocos"
    vocoder = None  # theirs is Vocos

    def infer(
        self, ref_file: str, ref_text: str, gen_text: str
    ) -> tuple[np.ndarray, int, np.ndarray]:
        torch = pytest.importorskip("torch")
        audio, rate = read_audio(ref_file)
        reference = log_mel(audio, VOCOS).T
        # what it is to say: the same again
        sampled = np.concatenate([reference, np.maximum(reference, np.log(1e-5))])
        generated = torch.from_numpy(sampled)[None, len(reference) :, :]
        wave = self.vocoder.decode(generated.permute(0, 2, 1))
        return wave.squeeze().cpu().numpy(), rate, sampled


def test_f5_tts_speaks_with_our_vocoder(monkeypatch, tmp_path):
    pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, "f5_tts.api", SimpleNamespace(F5TTS=FakeF5TTS))
    example("f5_tts").main([str(RECORDING), "text", "text", "-o", str(tmp_path / "out.wav")])
    (said, rate), (audio, _) = read_audio(tmp_path / "out.wav"), read_audio(RECORDING)
    assert rate == 24000 and len(said) == len(audio) // 256 * 256
    assert level_error(said, audio) < 0.3


def test_f5_tts_with_another_mel_is_refused():
    pytest.importorskip("torch")
    tts = SimpleNamespace(mel_spec_type="bigvgan")
    with pytest.raises(ValueError, match="mel_spec_type is 'bigvgan'"):
        example("f5_tts").speak(tts, RECORDING, "a", "b")


def level_error(wave: np.ndarray, audio: np.ndarray) -> float:
    """Mean absolute difference of log-mels up to 8 kHz, neper: 0.19 by the shipped model, 0.9 of
    log10 taken as ln."""
    length = min(len(wave), len(audio))
    mels = [log_mel(x[:length], FEATURES["wavehax-24k"]) for x in (wave, audio)]
    return float(np.abs(np.maximum(mels[0], -9) - np.maximum(mels[1], -9)).mean())


def matcha_mel(audio: np.ndarray) -> np.ndarray:
    """Their mel by their definition: reflected ends, sqrt(|S|^2 + 1e-9), librosa's filters: float32
    [80, T]."""
    from wavehax.mel.features import hann_window, mel_filterbank

    padded = np.pad(audio.astype(np.float64), 384, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 1024)[::256]
    magnitude = np.sqrt(np.abs(np.fft.rfft(frames * hann_window(1024))) ** 2 + 1e-9)
    return np.log(np.maximum(mel_filterbank(HIFIGAN) @ magnitude.T, 1e-5)).astype(np.float32)


class FakeMatcha:
    """As matcha.models.matcha_tts.MatchaTTS: two texts, of which the second is half as long."""

    def synthesise(self, x: object, x_lengths: object, n_timesteps: int) -> dict:
        torch = pytest.importorskip("torch")
        mel = matcha_mel(read_audio(RECORDING, 22050)[0])
        lengths = [mel.shape[1], mel.shape[1] // 2]
        # what pads is not to be used
        mels = np.stack([mel, np.where(np.arange(lengths[0]) < lengths[1], mel, 99.0)])
        return {
            "mel": torch.from_numpy(mels.astype(np.float32)),
            "mel_lengths": torch.tensor(lengths),
        }


@pytest.mark.filterwarnings("ignore:hifigan-22k ends at 8000 Hz")
def test_matcha_tts_speaks_with_our_vocoder(monkeypatch, tmp_path):
    pytest.importorskip("torch")
    process = {"x": None, "x_lengths": None}
    fake = SimpleNamespace(load_matcha=lambda *_: FakeMatcha(), process_text=lambda *_: process)
    monkeypatch.setitem(sys.modules, "matcha.cli", fake)
    example("matcha_tts").main(["matcha.ckpt", "text", "-o", str(tmp_path / "out.wav")])
    (said, rate), (audio, _) = read_audio(tmp_path / "out.wav"), read_audio(RECORDING)
    assert rate == 24000 and abs(len(said) - len(audio)) <= 512
    assert level_error(said, audio) < 0.3


@pytest.mark.filterwarnings("ignore:hifigan-22k ends at 8000 Hz")
def test_matcha_mels_of_a_batch_lose_their_padding_and_keep_their_convention():
    pytest.importorskip("torch")
    voc, output = wavehax.load(), FakeMatcha().synthesise(None, None, 10)
    mel = log_mel(resample(read_audio(RECORDING)[0], 24000, 22050), HIFIGAN)
    inner = slice(2, mel.shape[1] - 2)  # ends are padded otherwise
    difference = np.abs(output["mel"][0].numpy()[:, : mel.shape[1]] - mel)[:, inner]
    assert difference.max() < 0.02  # of the 1e-9 under their root, just above the floor
    whole, half = example("matcha_tts").waves(output, voc)
    expected = convert(output["mel"][1, :, : int(output["mel_lengths"][1])].numpy(), HIFIGAN, VOCOS)
    np.testing.assert_array_equal(half, voc(expected))
    assert len(whole) > 1.9 * len(half)


class FakeSounddevice:
    """A duplex device that hears a sound, and records what it is given to play; 20 ms from one to
    the other."""

    class PortAudioError(Exception):
        pass

    def __init__(self, heard: np.ndarray) -> None:
        self.heard, self.played, self.options = heard, np.zeros(0, np.float32), {}

    def Stream(self, callback, **options):
        self.callback, self.options = callback, options
        return self

    def __enter__(self) -> FakeSounddevice:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def sleep(self, milliseconds: int) -> None:
        block = self.options["blocksize"]
        for start in range(0, min(len(self.heard), 24 * milliseconds) - block + 1, block):
            played = np.full((block, 1), np.nan, np.float32)
            time = SimpleNamespace(
                inputBufferAdcTime=start / 24000, outputBufferDacTime=start / 24000 + 0.020
            )
            self.callback(self.heard[start : start + block, None], played, block, time, "")
            self.played = np.concatenate([self.played, played[:, 0]])


@pytest.mark.parametrize("hops", [1, 3])
def test_the_microphone_is_heard_after_the_delay_that_is_printed(hops, monkeypatch, capsys):
    audio = read_audio(RECORDING)[0][: 24000 // 768 * 768]
    device = FakeSounddevice(audio)
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    example("microphone").main(["--hops", str(hops), "--seconds", "2"])
    assert device.options == {
        "samplerate": 24000,
        "blocksize": 256 * hops,
        "channels": 1,
        "dtype": "float32",
        "latency": "low",
    }
    report = capsys.readouterr().out
    assert report.startswith(
        "algorithm 53.3 ms (1280 samples), device 20.0 ms: round trip 73.3 ms\n"
    )
    assert f"{len(audio) // (256 * hops)} blocks of {hops * 256 / 24:.1f} ms, 0 late" in report
    voc = wavehax.load(precision="auto")
    whole = voc(log_mel(audio, voc.features))
    np.testing.assert_allclose(device.played[1280:], whole[: len(audio) - 1280], atol=1e-3)
    assert np.abs(device.played[:1280]).max() == 0


def test_a_microphone_that_hears_nothing_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSounddevice(np.zeros(0, np.float32)))
    example("microphone").main(["--seconds", "1"])
    assert capsys.readouterr().out == "no block came\n"


@pytest.mark.parametrize(
    "words", [["--hops", "0"], ["--seconds", "nan"], ["--f0-scale", "-1"], ["--hops", "x"]]
)
def test_the_microphone_refuses_arguments_that_make_no_sense(words, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SystemExit, match="2"):
        example("microphone").main(words)
    assert f"error: argument {words[0]}: " in capsys.readouterr().err


def test_the_microphone_says_in_one_line_what_is_not_there(monkeypatch, capsys, model_file):
    device = FakeSounddevice(np.zeros(0, np.float32))

    def refuse(callback, **options):
        raise device.PortAudioError("Error querying device -1")

    def fails(words: list[str]) -> str:
        with pytest.raises(SystemExit, match="1"):
            example("microphone").main(words)
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    monkeypatch.setitem(sys.modules, "sounddevice", device)
    assert "this model does not estimate it" in fails(["--model", str(model_file)])
    assert "f0_scale=0.001: out of range" in fails(["--f0-scale", "0.001"])
    monkeypatch.setattr(device, "Stream", refuse)
    assert "the sound device: Error querying device -1" in fails([])
    monkeypatch.setattr(sys, "meta_path", [WithoutPortAudio(), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "sounddevice")
    assert "PortAudio library not found" in fails([])


class WithoutPortAudio:
    """Finds `sounddevice` where it is installed and PortAudio is not: it raises OSError when it is
    imported."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")


class FakeSocket:
    """A connection of which the messages are known, as websockets' asyncio server hands it over."""

    def __init__(self, messages: list[bytes | str]) -> None:
        self.messages, self.sent, self.closed = messages, [], None

    async def __aiter__(self):
        for message in self.messages:
            if self.closed is None:
                yield message

    async def send(self, message: bytes) -> None:
        self.sent.append(message)

    async def close(self, code: int, reason: str) -> None:
        self.closed = code, reason


def frames(mel: np.ndarray, f0: np.ndarray) -> bytes:
    return np.column_stack([mel.T, f0]).astype("<f4").tobytes()


def test_a_websocket_gets_the_samples_of_each_utterance(tiny, mel, f0):
    voc, server = Vocoder(tiny), example("websocket_server")
    once = [frames(mel[:, :7], f0[:7]), frames(mel[:, 7:], f0[7:]), b""]
    socket = FakeSocket([*once, *once])
    asyncio.run(server.converse(socket, voc, f0_given=True))
    assert socket.closed is None and b"".join(socket.sent[:3]) == pcm16(voc(mel, f0)) == b"".join(
        socket.sent[3:]
    )
    assert len(socket.sent[0]) == 2 * max(0, 7 * 32 - voc.stream().delay)


def test_a_websocket_needs_no_f0_where_it_is_predicted(voice_model, mel):
    voc, socket = wavehax.load(voice_model), FakeSocket([mel.T.astype("<f4").tobytes(), b""])
    asyncio.run(example("websocket_server").converse(socket, voc, f0_given=False))
    assert b"".join(socket.sent) == pcm16(voc(mel))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"123", "message of 3: expected bytes of whole frames, 44 each"),
        ("mel", "message of 3: expected bytes"),
        (np.full(11, np.nan, "<f4").tobytes(), "mel is nan in band 0 of frame 0"),
    ],
)
def test_what_is_no_mel_closes_a_websocket_with_the_reason(tiny, message, words):
    socket = FakeSocket([message, b""])
    asyncio.run(example("websocket_server").converse(socket, Vocoder(tiny), f0_given=True))
    assert socket.sent == [] and socket.closed[0] == 1007 and words in socket.closed[1]
    assert len(socket.closed[1].encode()) <= 123


@pytest.mark.parametrize(
    ("model", "words", "said"),
    [
        ("tiny_wavehax", [], "this model cannot stream"),
        ("tiny_wavehax_frame", ["--f0", "mel"], "no predictor of F0"),
    ],
)
def test_a_server_of_a_model_that_it_cannot_serve_does_not_start(
    model, words, said, model_file, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "websockets.asyncio.server", SimpleNamespace())
    save_model(model_file, tiny_model(model))
    with pytest.raises(SystemExit, match="1"):
        example("websocket_server").main(["--model", str(model_file), *words])
    line = capsys.readouterr().err
    assert said in line and line.count("\n") == 1


def test_two_clients_of_a_real_server_get_their_own_voice(voice_model, mel):
    server = pytest.importorskip("websockets.asyncio.server", reason="needs websockets")
    client = importlib.import_module("websockets.asyncio.client")
    voc, module = wavehax.load(voice_model), example("websocket_server")

    async def utterance(port: int, mel: np.ndarray) -> bytes:
        async with client.connect(f"ws://localhost:{port}") as socket:
            answers = []
            for message in (
                *(mel[:, [t]].T.astype("<f4").tobytes() for t in range(mel.shape[1])),
                b"",
            ):
                await socket.send(message)
                answers.append(await socket.recv())
            return b"".join(answers)

    async def both() -> list[bytes]:
        async with server.serve(
            lambda socket: module.converse(socket, voc, False), "localhost", 0
        ) as running:
            port = running.sockets[0].getsockname()[1]
            return await asyncio.gather(utterance(port, mel), utterance(port, mel[:, ::-1].copy()))

    assert asyncio.run(both()) == [pcm16(voc(mel)), pcm16(voc(mel[:, ::-1]))]
