"""Segments cut and analysed on a GPU, from recordings that lie in its memory."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from wavehax.config import FeatureConfig
from wavehax.data.augment import fill_unvoiced
from wavehax.data.batch import Batch
from wavehax.data.config import DataConfig
from wavehax.data.prepared import has_given_mels, load_array
from wavehax.data.segments import Draw, Draws
from wavehax.mel import harmonics
from wavehax.mel.features import analysis_window, mel_filterbank, padding_samples

_ZERO_CROSSINGS = 24  # on each side of the interpolating sinc
_ROLLOFF = 0.97  # cutoff of the sinc over the lower of the two Nyquist frequencies


def ahead(
    make: Callable[[int], Batch], steps: Iterable[int], device: torch.device
) -> Iterator[Batch]:
    """Make the batch of each step while the step before is computed.

    A thread makes it, on a GPU stream of its own. A batch may be used until the next one is asked
    for.
    """
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None
    if stream:
        # The current stream is the one that made the tables of the dataset.
        stream.wait_stream(torch.cuda.current_stream(device))

    def complete(step: int) -> Batch:
        with torch.cuda.stream(stream) if stream else contextlib.nullcontext():
            batch = make(step)
        if stream:
            stream.synchronize()
        return batch

    with ThreadPoolExecutor(1) as pool:
        coming = None
        for step in steps:
            now, coming = coming, pool.submit(complete, step)
            if now:
                yield now.result()
        if coming:
            yield coming.result()


class ResidentDataset(Draws):
    """The same segments as `SegmentDataset`, except for mels at utterance ends and for the noise.

    Mels are computed from the segment's audio, with silence before and after the utterance, so that
    a folder without mel.npy will do. The noise has another generator. At another speed a windowed
    sinc interpolates, where `augment` cuts spectra.
    """

    def __init__(
        self,
        config: DataConfig,
        features: FeatureConfig,
        seed: int,
        device: torch.device,
        outputs: int = 1,
    ) -> None:
        """
        Args:
            config: the folder, and how segments are drawn from it; `shifted_share` and
                `disturbed_share` must be 0.
            features, seed, outputs: as `Draws` takes them.
            device: holds the recordings, 2 bytes a sample, and makes the batches.

        Raises:
            FileNotFoundError: as `SegmentDataset`.
            ValueError: as `SegmentDataset`. Or the folder was prepared with --without-rumble: mels
                of its audio would lack the rumble that mels of the recordings show. Or mels were
                given to it.
        """
        super().__init__(config, features, seed, outputs)
        if any(utterance.get("without_rumble") for utterance in self.utterances):
            raise ValueError(
                f"data.resident=true: {config.path} was prepared with --without-rumble"
            )
        if has_given_mels(self.utterances):
            raise ValueError(
                f"data.resident=true: computes mels, and those in {config.path} were given"
            )
        self.device, frames = device, self.num_frames
        audio = load_array(self.folder / "audio.npy", frames * features.hop_length)
        self.audio = torch.from_numpy(np.array(audio)).to(device)
        f0 = np.array(load_array(self.folder / "f0.npy", frames))
        self.f0 = torch.from_numpy(f0).to(device)
        if config.filled_share:
            own = (slice(u["start"], u["start"] + u["frames"]) for u in self.utterances)
            filled = np.concatenate([fill_unvoiced(f0[part]) for part in own])
            self.filled_f0 = torch.from_numpy(filled).to(device)
        if features.pre_emphasis or features.peak:
            raise ValueError(
                f"data.resident=true: makes no mels with pre_emphasis or peak, as {features.name!r}"
                " has, expected false"
            )
        window = analysis_window(features)
        self.window = torch.as_tensor(window, dtype=torch.float32, device=device)
        self.bank = torch.as_tensor(mel_filterbank(features), dtype=torch.float32, device=device)
        self.lead = padding_samples(features)
        octaves = math.log2(harmonics.HIGHEST / harmonics.LOWEST)
        steps = range(round(octaves * harmonics.STEPS) + 1) if config.flat_share else ()
        tables = [harmonics.smoothing(features, step) for step in steps]
        # [steps, n_mels, n_mels]
        self.smoothing = torch.tensor(np.array(tables), dtype=torch.float32, device=device)

    def batch(self, step: int, items: range | None = None) -> Batch:
        """Make segments `items` (all of them if None) of the batch of training step `step`.

        They are the same at every call with the same `items` on the same kind of device.
        """
        items = self._items(items)
        draws = [self.draw(step, item) for item in items]
        begin, frames, first, speed, gain, phase = self._columns(draws)
        hop, length = self.features.hop_length, self.config.segment_frames
        samples = (
            torch.arange((length - 1) * hop + self.features.n_fft, device=self.device) - self.lead
        )
        audio = self._play(
            begin * hop, frames * hop, first[:, None] * hop + speed[:, None] * samples, draws
        )
        audio = audio * gain[:, None].float()
        mel = self._log_mel(audio)
        at = first[:, None] + speed[:, None] * torch.arange(length, device=self.device)
        f0 = self._contour(self.f0, begin, frames, at)
        voiced = (f0 > 0).float()
        if filled := [i for i, draw in enumerate(draws) if draw.filled]:
            f0[filled] = self._contour(self.filled_f0, begin[filled], frames[filled], at[filled])
        f0 = (f0 * speed[:, None]).float()
        self._flatten(mel, f0, [i for i, draw in enumerate(draws) if draw.flat])
        sequence = np.random.SeedSequence((self.seed, step, items.start))
        (seed,) = sequence.generate_state(1, np.uint64)
        rng = torch.Generator(self.device).manual_seed(int(seed >> np.uint64(1)))
        shape = len(draws), self.outputs, (length + 1) * hop
        noise = torch.randn(shape, generator=rng, device=self.device)
        more = torch.rand(len(draws), self.outputs - 1, generator=rng, device=self.device)
        phase = torch.cat([phase[:, None], more.double()], dim=1)
        limit = self.config.shift_samples + 1
        shift = torch.randint(limit, (len(draws),), generator=rng, device=self.device)
        audio = audio[:, self.lead : self.lead + length * hop]
        return Batch(audio, mel, f0[:, None], voiced, noise, phase, shift)

    def _columns(self, draws: list[Draw]) -> Tensor:
        """Tabulate draws, float64 [6, B].

        The rows are the first frame of the utterance, its number of frames, the segment's first
        frame in it, speed, signed gain and phase.
        """
        length, rows = self.config.segment_frames, []
        for draw in draws:
            frames = self.frames[draw.utterance]
            room = frames - length * draw.speed
            first = draw.position * room if draw.speed != 1 else int(draw.position * (room + 1))
            gain = draw.sign * math.exp(draw.gain)
            rows.append((self.starts[draw.utterance], frames, first, draw.speed, gain, draw.phase))
        return torch.tensor(np.array(rows, np.float64).T.copy()).to(self.device)

    def _play(self, begin: Tensor, count: Tensor, at: Tensor, draws: list[Draw]) -> Tensor:
        """Audio [B, N] at samples `at` [B, N] of utterances, which may be fractions.

        Utterances begin at sample `begin` [B] of the folder's audio and have `count` [B] samples.
        """
        audio = torch.empty(at.shape, device=self.device)
        as_recorded = [i for i, draw in enumerate(draws) if draw.speed == 1]
        others = [i for i, draw in enumerate(draws) if draw.speed != 1]
        audio[as_recorded] = self._samples(
            begin[as_recorded], count[as_recorded], at[as_recorded].round().long()
        )
        if others:
            cutoffs = [_ROLLOFF * min(1.0, 1 / draws[i].speed) for i in others]
            reach = math.ceil(_ZERO_CROSSINGS / min(cutoffs))
            taps = torch.arange(-reach, reach + 1, device=self.device)
            cutoff = torch.tensor(cutoffs, dtype=torch.float32, device=self.device)[:, None, None]
            middle = at[others].floor()
            # in zero crossings, [rows, N, taps]
            distance = cutoff * (taps - (at[others] - middle).float()[..., None])
            window = torch.cos(0.5 * math.pi * (distance / _ZERO_CROSSINGS).clamp(-1, 1)).square()
            near = self._samples(
                begin[others, None], count[others, None], middle.long()[..., None] + taps
            )
            audio[others] = (cutoff * torch.sinc(distance) * window * near).sum(dim=-1)
        return audio

    def _samples(self, begin: Tensor, count: Tensor, at: Tensor) -> Tensor:
        """Samples `at` [..., N] of utterances, 0 outside them.

        They begin at sample `begin` [...] of the folder's audio and have `count` [...] samples.
        """
        begin, count = (x.long().unsqueeze(-1) for x in (begin, count))
        inside = (at >= 0) & (at < count)
        return self.audio[torch.where(inside, begin + at, 0)].float() / 32768 * inside

    def _log_mel(self, audio: Tensor) -> Tensor:
        features = self.features
        spectrum = torch.stft(
            audio,
            features.n_fft,
            features.hop_length,
            window=self.window,
            center=False,
            return_complex=True,
        )
        bands = self.bank @ spectrum.abs() ** features.power
        least = features.log_floor
        bands = bands.clamp(min=least) if features.floor == "clip" else bands + least
        mel = torch.log(bands) / features.power
        return mel.clamp(min=math.log(features.magnitude_floor)) if features.clip else mel

    def _contour(self, f0: Tensor, begin: Tensor, frames: Tensor, at: Tensor) -> Tensor:
        """F0 [B, T] in Hz at frames `at` [B, T] of utterances, as `augment.resample_f0` makes it.

        They begin at frame `begin` [B] of the folder's contour `f0` and have `frames` [B] frames.
        """
        at = torch.minimum(at.clamp(min=0), frames[:, None] - 1)
        before = torch.minimum(at.floor(), frames[:, None] - 2).clamp(min=0)
        index, fraction = (begin[:, None] + before).long(), at - before
        left, right = f0[index].double(), f0[index + 1].double()
        nearest = torch.where(fraction < 0.5, left, right)
        return torch.where(
            (left > 0) & (right > 0), (1 - fraction) * left + fraction * right, nearest
        )

    def _flatten(self, mel: Tensor, f0: Tensor, rows: list[int]) -> None:
        """Take the harmonics out of these rows of log-mels [B, n_mels, T], in place.

        It is what `harmonics.flatten_harmonics` does. `f0` is [B, T] in Hz.
        """
        if not rows:
            return
        octaves = torch.log2(f0[rows].clamp(harmonics.LOWEST, harmonics.HIGHEST) / harmonics.LOWEST)
        # [rows, T, n_mels, n_mels]
        tables = self.smoothing[(harmonics.STEPS * octaves).round().long()]
        power = torch.exp(2 * mel[rows]).transpose(1, 2)
        flat = 0.5 * torch.log((tables * power[:, :, None]).sum(dim=-1)).transpose(1, 2)
        flat = torch.where(f0[rows][:, None] > 0, flat, mel[rows])
        mel[rows] = flat.clamp(min=math.log(self.features.magnitude_floor))
