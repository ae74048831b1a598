"""A voice through the vocoder while it speaks: microphone to mel and F0 to loudspeaker. Wear
headphones.

    pip install sounddevice
    python examples/microphone.py --f0-scale 1.5

When it ends (Ctrl-C, or after --seconds) it prints the round trip: what the algorithm takes, in
samples, and what the device takes, as its clock says for each block.
"""

from __future__ import annotations

import argparse
import contextlib
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import wavehax
from wavehax.cli.types import count, positive
from wavehax.errors import one_line, optional_module
from wavehax.mel.stream import MelStream


class LiveVoice:
    """Blocks of whole hops in; blocks as long out, `delay` samples behind."""

    def __init__(self, voc: wavehax.Vocoder, f0_scale: float = 1.0) -> None:
        self._mels = MelStream(voc.features)
        self._stream = voc.stream(f0_scale=f0_scale)
        # refused now where F0 is not predicted
        self._stream.push(np.zeros((voc.features.n_mels, 0), np.float32))
        hop = voc.hop_length
        self.delay = -(-self._mels.delay // hop) * hop + self._stream.delay  # samples
        self._ready = np.zeros(self.delay, np.float32)

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """The next block [n], float32; n is a multiple of the hop."""
        made = self._stream.push(self._mels.push(block))
        samples = np.concatenate([self._ready, made])
        self._ready = samples[len(block) :]
        return samples[: len(block)]


class Loop:
    """What a duplex stream calls for each block, and what it took."""

    def __init__(self, voice: LiveVoice) -> None:
        self._voice = voice
        self.computing: list[float] = []  # s, of each block
        self.device: list[float] = []  # s, from microphone to loudspeaker, of each block
        self.late = 0  # blocks lost because one came too late

    def __call__(
        self, recorded: np.ndarray, played: np.ndarray, frames: int, time: Any, status: Any
    ) -> None:
        begin = perf_counter()
        played[:, 0] = self._voice(recorded[:, 0])
        self.computing.append(perf_counter() - begin)
        self.device.append(time.outputBufferDacTime - time.inputBufferAdcTime)
        self.late += bool(status)

    def report(self, rate: int, block: int) -> str:
        """The round trip, in words."""
        delay, device = self._voice.delay / rate, median(self.device)
        return (
            f"algorithm {1000 * delay:.1f} ms ({self._voice.delay} samples), device"
            f" {1000 * device:.1f} ms:"
            f" round trip {1000 * (delay + device):.1f} ms\n"
            f"{len(self.computing)} blocks of {1000 * block / rate:.1f} ms, {self.late} late;"
            " computing one:"
            f" median {1000 * median(self.computing):.2f} ms, longest"
            f" {1000 * max(self.computing):.2f} ms"
        )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Microphone to loudspeaker through a vocoder.")
    parser.add_argument("--model", help="what wavehax.load takes; it must stream and predict F0")
    parser.add_argument("--f0-scale", type=positive, default=1.0, help="multiply F0 (default 1)")
    parser.add_argument("--hops", type=count, default=1, help="of a block (default 1)")
    parser.add_argument(
        "--seconds", type=positive, default=3600.0, help="until it ends (default an hour)"
    )
    arguments = parser.parse_args(argv)
    try:
        run(arguments)
    except (OSError, OverflowError, ValueError) as error:
        # of more hops or seconds than C has numbers for
        parser.exit(1, f"{parser.prog}: {one_line(error)}\n")


def run(arguments: argparse.Namespace) -> None:
    """Listen and speak until it ends.

    Raises:
        OSError: PortAudio, or a device as it is needed, is not there.
        ValueError: the model does not stream or does not predict F0, or not within the range of
            `f0_scale`.
    """
    sounddevice = optional_module("sounddevice", "this example", "sounddevice")
    voc = wavehax.load(arguments.model, precision="auto")
    block = arguments.hops * voc.hop_length
    loop = Loop(LiveVoice(voc, arguments.f0_scale))
    options = {
        "samplerate": voc.sample_rate,
        "blocksize": block,
        "channels": 1,
        "dtype": "float32",
        "latency": "low",
    }
    try:
        with contextlib.suppress(KeyboardInterrupt), sounddevice.Stream(callback=loop, **options):
            sounddevice.sleep(round(1000 * arguments.seconds))
    except sounddevice.PortAudioError as error:
        raise OSError(f"the sound device: {error}") from error
    print(loop.report(voc.sample_rate, block) if loop.device else "no block came")


if __name__ == "__main__":
    main()
