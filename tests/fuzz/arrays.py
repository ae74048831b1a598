"""Fuzz target: what Python gives the interface - any type, layout, shape and value of mel, F0,
prior and options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tiny_models import tiny_model, with_f0

from wavehax.mel.features import log_mel
from wavehax.vocoder import Vocoder

_BANDS = 10
_ODD: tuple[Any, ...] = (
    None, True, 3, -1.5, 2**70, 1e400, float("nan"), "text", b"bytes", [], [[]], [[1, 2], [3]], {},
    {1}, object(), range(5), np.float32(3), np.array(None), np.array(["a"]), np.zeros((), "M8[s]"),
    np.zeros((10, 3), "O"), np.ma.masked_all((10, 3)), np.zeros((10, 3), [("a", "f4")]),
    np.zeros((10, 3), "c8"), np.zeros(3, "S4"), np.recarray(3, "f4,i4"), memoryview(b"abcd"),
)  # fmt: skip
_LAYOUTS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda x: x,
    np.asfortranarray,
    lambda x: x[..., ::-1].copy()[..., ::-1],
    lambda x: np.repeat(x, 3, axis=-1)[..., ::3],
    # unaligned, read-only
    lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape),
    lambda x: x.astype(x.dtype.newbyteorder()),
    lambda x: np.broadcast_to(x[..., :1], x.shape).copy() if x.size else x,
    lambda x: (
        np.lib.stride_tricks.as_strided(x, x.shape, (0,) * x.ndim, writeable=False) if x.size else x
    ),
    lambda x: np.stack([x, x], axis=-1)[..., 0],
    lambda x: x.view(np.ma.MaskedArray),
    lambda x: np.array(x.tolist(), object),
    lambda x: x[None],
    lambda x: x.T,
    lambda x: x[..., :-1],
)


class Arrays:
    """Refused in one line, or the samples that plain float32 arrays of the same values give."""

    def __init__(self, folder: Path) -> None:
        self.voc = Vocoder(with_f0(tiny_model("tiny_wavehax_frame")))

    def __call__(self, rng: np.random.Generator) -> str:
        frames = int(rng.integers(0, 6))
        mel = _given(rng, rng.standard_normal((_BANDS, frames)))
        f0 = _given(rng, rng.choice([0.0, 100.0, 440.0], frames)) if rng.random() < 0.7 else None
        options = {
            name: _option(rng, value)
            for name, value in (
                ("seed", 3),
                ("f0_scale", 1.0),
                ("formant_scale", 1.0),
                ("threads", 1),
            )
        }
        if rng.random() < 0.2:
            options["prior"] = _given(rng, rng.standard_normal(frames * self.voc.hop_length))
        calls = (self._whole, self._streamed, self._f0, self._features)
        try:
            return calls[rng.choice(4, p=[0.5, 0.3, 0.1, 0.1])](mel, f0, options)
        except (ValueError, TypeError) as error:
            # numpy raises TypeError for what is no array at all
            assert "\n" not in str(error), str(error)
            return "refused"

    def _whole(self, mel: Any, f0: Any, options: dict[str, Any]) -> str:
        wave = self.voc(mel, f0, **options)
        plain = {**options, "prior": _plain(options.get("prior"))}
        assert np.array_equal(wave, self.voc(_plain(mel), _plain(f0), **plain), equal_nan=True)
        return "vocoded"

    def _streamed(self, mel: Any, f0: Any, options: dict[str, Any]) -> str:
        scales = {name: options[name] for name in ("f0_scale", "formant_scale")}
        stream = self.voc.stream(options["seed"], **scales)
        try:
            first = stream.push(mel, f0)
        except (ValueError, TypeError):  # as if it had not been
            assert len(stream.flush()) == 0
            raise
        if len(mel[0]) == 0:
            return "nothing streamed"
        wave = self.voc(_plain(mel), _plain(f0), seed=options["seed"], **scales)
        assert np.array_equal(np.concatenate([first, stream.flush()]), wave, equal_nan=True)
        return "streamed"

    def _f0(self, mel: Any, f0: Any, options: dict[str, Any]) -> str:
        assert np.array_equal(self.voc.f0(mel), self.voc.f0(_plain(mel)))
        if f0 is not None:
            self.voc.prior(f0)
        return "F0"

    def _features(self, mel: Any, f0: Any, options: dict[str, Any]) -> str:
        found = log_mel(mel if f0 is None else f0, self.voc.features)
        assert found.dtype == np.float32 and len(found) == _BANDS and np.isfinite(found).all()
        return "features"


def _given(rng: np.random.Generator, values: np.ndarray) -> Any:
    """`values` of another type and layout, with odd values in them, or something else
    altogether."""
    if rng.random() < 0.05:
        return _ODD[rng.integers(len(_ODD))]
    kinds = ["f4", "f8", "f2", "g"] if rng.random() < 0.9 else ["i4", "u1", "?", "c16"]
    kind = rng.choice(kinds)
    with np.errstate(all="ignore"):
        values = values.astype(kind)
        if values.size and rng.random() < 0.2:
            odd = rng.choice([np.nan, np.inf, -np.inf, 1e300, -1e300, 1e-310, 3e38, -1.0, 0.5, 1e5])
            values.flat[rng.integers(values.size)] = odd if values.dtype.kind in "fc" else 1
    if rng.random() < 0.6:
        values = _LAYOUTS[rng.integers(len(_LAYOUTS))](values)
    if rng.random() < 0.2 and isinstance(values, np.ndarray):
        values.flags.writeable = False
    return values


def _option(rng: np.random.Generator, usual: Any) -> Any:
    if rng.random() < 0.9:
        return usual
    return rng.choice(
        np.array(
            [
                0,
                -1,
                2,
                2**63,
                2**64,
                10**30,
                1e-300,
                1e300,
                np.inf,
                np.nan,
                "1",
                None,
                np.float32(2),
            ],
            object,
        )
    )


def _plain(values: Any) -> np.ndarray | None:
    with np.errstate(over="ignore"):
        return None if values is None else np.array(values, np.float32, order="C", subok=False)
