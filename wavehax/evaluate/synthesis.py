"""Makes the sound that is scored against a recording: by a model, by WORLD, or read from a file."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

import wavehax
from wavehax.evaluate import pitch
from wavehax.evaluate.items import Item
from wavehax.files.resample import resample
from wavehax.files.sound import read_audio
from wavehax.mel.features import frame_count, log_mel
from wavehax.mel.world import resynthesise

_FRAMING = ("sample_rate", "hop_length", "padding")  # fields that decide where frames lie
_OTHER_SEED = 1  # a seed other than the default, 0
# Seconds by which the length of a file may differ from that of its recording.
_MAX_DIFFERENCE = 0.1


@dataclass(frozen=True)
class Pair:
    """Two waveforms in step with each other, and the F0 that the second should have."""

    natural: np.ndarray  # float32 [N]
    generated: np.ndarray  # float32 [N]
    sample_rate: int  # Hz
    f0: np.ndarray  # [T], F0 of the recording times f0_scale, in Hz on pitch.FRAMES
    f0_range: tuple[float, float]  # Hz; F0 of `generated` is searched for in this range
    f0_method: str  # how F0 of `generated` is found: one of wavehax.mel.pitch.RECORDING_METHODS
    hop_length: float  # samples between the frames from which `generated` was made
    f0_scale: float = 1.0
    # Samples of the Fourier transform that made `generated`; None where it is unknown, or none did.
    n_fft: int | None = None
    # float32 [N], the same as `generated` with another seed; None where a seed changes nothing.
    other_seed: np.ndarray | None = None


def check_predictor(voc: wavehax.Vocoder) -> None:
    """Raise ValueError unless the model predicts F0."""
    if not voc.predicts_f0:
        raise ValueError("f0 from the mel: this model has no predictor of F0")


@dataclass(frozen=True)
class ModelSynthesis:
    """Mel and Harvest F0 of the recording through a model, as `wavehax resynth` does it."""

    model: str | None = None  # as wavehax.load takes it
    f0_scale: float = 1.0
    predict_f0: bool = False  # the model predicts F0 from the mel; otherwise Harvest measures it
    precision: str = "fp32"

    def check(self) -> None:
        """Check that the model can be used.

        Raises:
            ModelError, ModuleNotFoundError, ValueError: as `wavehax.load`; or the model shall
                predict F0 and cannot.
        """
        voc = _vocoder(self.model, self.precision)
        if self.predict_f0:
            check_predictor(voc)

    def __call__(self, item: Item) -> Pair:
        voc = _vocoder(self.model, self.precision)
        wave, rate = _recording(item, voc.sample_rate), voc.sample_rate
        # With `same` frames the output ends with a whole hop.
        wave = wave[: frame_count(len(wave), voc.features) * voc.hop_length]
        f0 = pitch.harvest(wave, rate, item.f0_range, item.f0_method)
        alike = all(getattr(voc.features, name) == getattr(pitch.FRAMES, name) for name in _FRAMING)
        given = (
            f0 if alike else pitch.f0_in_range(wave, voc.features, item.f0_range, item.f0_method)
        )
        inputs = log_mel(wave, voc.features), None if self.predict_f0 else given
        make = functools.partial(voc, *inputs, force_definition=True)  # it is of the definition
        pair = _pair(
            item, wave, make(f0_scale=self.f0_scale), rate, f0, voc.hop_length, self.f0_scale
        )
        if self.f0_scale != 1:
            return pair
        n_fft = voc.config.n_fft * voc.config.num_streams
        return replace(pair, n_fft=n_fft, other_seed=make(seed=_OTHER_SEED)[: len(wave)])


@dataclass(frozen=True)
class WorldSynthesis:
    """WORLD (Morise et al., IEICE 2016), a vocoder that learns nothing.

    Harvest, CheapTrick and D4C analyse the recording every 256/24000 s.
    """

    f0_scale: float = 1.0

    def __call__(self, item: Item) -> Pair:
        rate, hop = pitch.FRAMES.sample_rate, pitch.FRAMES.hop_length
        wave = _recording(item, rate)
        f0 = pitch.harvest(wave, rate, item.f0_range, item.f0_method)
        made = resynthesise(wave, f0, self.f0_scale, rate, hop)
        return _pair(item, wave, made, rate, f0, hop, self.f0_scale)


@dataclass(frozen=True)
class FilePair:
    """A generated file beside its recording, both at the lower of their sample rates."""

    # Samples of the file between its vocoder's frames; None stands for 10.7 ms (256 at 24 kHz).
    hop_length: int | None = None

    def __call__(self, item: Item) -> Pair:
        assert item.generated is not None  # every item of `folder_items` has one
        natural, natural_rate = read_audio(item.natural)
        generated, generated_rate = read_audio(item.generated)
        rate = min(natural_rate, generated_rate)
        natural, generated = (
            resample(natural, natural_rate, rate),
            resample(generated, generated_rate, rate),
        )
        if abs(len(natural) - len(generated)) > _MAX_DIFFERENCE * rate:
            raise ValueError(
                f"{item.generated}: {len(generated) / rate:.2f} s, and its recording has"
                f" {len(natural) / rate:.2f} s: expected the same, to {_MAX_DIFFERENCE:g} s"
            )
        length = min(len(natural), len(generated))
        f0 = pitch.harvest(natural[:length], rate, item.f0_range, item.f0_method)
        seconds = pitch.FRAMES.hop_length / pitch.FRAMES.sample_rate
        hop = rate * (seconds if self.hop_length is None else self.hop_length / generated_rate)
        return _pair(item, natural[:length], generated, rate, f0, hop)


Synthesis = ModelSynthesis | WorldSynthesis | FilePair


def _recording(item: Item, rate: int) -> np.ndarray:
    """The recording of an item, float32 [N] at `rate` Hz, with the pitch that its speed gives."""
    wave, own_rate = read_audio(item.natural)
    return resample(wave, round(own_rate * item.speed), rate)


def _pair(
    item: Item,
    natural: np.ndarray,
    generated: np.ndarray,
    rate: int,
    f0: np.ndarray,
    hop: float,
    scale: float = 1.0,
) -> Pair:
    f0_range = (item.f0_range[0] * scale, item.f0_range[1] * scale)
    return Pair(
        natural,
        generated[: len(natural)],
        rate,
        f0 * np.float32(scale),
        f0_range,
        item.f0_method,
        hop,
        scale,
    )


@functools.lru_cache(maxsize=1)
def _vocoder(model: str | None, precision: str) -> wavehax.Vocoder:
    return wavehax.load(model, precision=precision)
