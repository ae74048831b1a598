"""Wavehax: a neural vocoder that runs without a deep-learning framework. Mel-spectrogram and F0 in, waveform out."""

from __future__ import annotations

from wavehax.errors import ModelError
from wavehax.vocoder import Stream, Vocoder, available_isas, available_precisions, load

__version__ = "0.1.0"
__all__ = ["ModelError", "Stream", "Vocoder", "__version__", "available_isas", "available_precisions", "load"]
