"""Wavehax, a neural vocoder: mel-spectrogram in, waveform out, without PyTorch."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from wavehax.errors import ModelError

try:
    from wavehax import features
    from wavehax.vocoder import Vocoder
    from wavehax.voice.loading import available_isas, available_precisions, load
    from wavehax.voice.stream import Stream
except ImportError as error:
    if find_spec("wavehax._engine") is not None:
        raise
    raise ImportError(
        f"{Path(__file__).parent} lacks the compiled module _engine for this Python: if it belongs"
        " to a clone, which hides an installed wavehax, run `pip install -e .` in the clone, or"
        " start Python in another folder"
    ) from error

__version__ = "0.1.0"
__all__ = [
    "ModelError",
    "Stream",
    "Vocoder",
    "__version__",
    "available_isas",
    "available_precisions",
    "features",
    "load",
]
