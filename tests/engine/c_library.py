"""The C interface through ctypes, as any host with a foreign-function interface would call it."""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    byref,
    c_char,
    c_char_p,
    c_double,
    c_float,
    c_int32,
    c_int64,
    c_size_t,
    c_uint64,
    c_void_p,
)
from pathlib import Path

import numpy as np

OK, ERROR_ARGUMENT, ERROR_MODEL, ERROR_STATE = range(4)


class _LoadOptions(ctypes.Structure):
    _fields_ = (("size", c_size_t), ("isa", c_char_p), ("precision", c_char_p))


class _VocodeOptions(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("seed", c_uint64),
        ("threads", c_int64),
        ("f0_scale", c_double),
        ("formant_scale", c_double),
    )


class Info(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        *(
            (name, c_int32)
            for name in (
                "sample_rate",
                "hop_length",
                "n_mels",
                "streamable",
                "delay",
                "predicts_f0",
            )
        ),
        ("isa", c_char_p),
        ("precision", c_char_p),
    )


class Features(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        *((name, c_int32) for name in ("sample_rate", "hop_length", "n_fft", "n_mels", "delay")),
        *((name, c_double) for name in ("f_min", "f_max", "log_floor")),
        *((name, c_char_p) for name in ("mel_scale", "mel_norm", "padding")),
    )


class _Error(ctypes.Structure):
    _fields_ = (("message", c_char * 256),)


class CError(Exception):
    """A call of the library that returned a status other than OK."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


_FLOATS, _COUNT = POINTER(c_float), POINTER(c_int64)
_ARGUMENTS = {
    "model_load": (c_char_p, POINTER(_LoadOptions), POINTER(c_void_p)),
    "model_load_memory": (c_char_p, c_size_t, POINTER(_LoadOptions), POINTER(c_void_p)),
    "model_info": (c_void_p, POINTER(Info)),
    "vocode": (c_void_p, _FLOATS, _FLOATS, c_int64, POINTER(_VocodeOptions), _FLOATS),
    "predict_f0": (c_void_p, _FLOATS, c_int64, _FLOATS),
    "model_features": (c_void_p, POINTER(Features)),
    "log_mel": (c_void_p, _FLOATS, c_int64, _FLOATS),
    "mel_stream_new": (c_void_p, POINTER(c_void_p)),
    "mel_stream_push": (c_void_p, _FLOATS, c_int64, _FLOATS, c_int64, _COUNT),
    "mel_stream_flush": (c_void_p, _FLOATS, c_int64, _COUNT),
    "mel_stream_reset": (c_void_p,),
    "stream_new": (c_void_p, c_uint64, POINTER(c_void_p)),
    "stream_push": (c_void_p, _FLOATS, _FLOATS, c_int64, _FLOATS, c_int64, _COUNT),
    "stream_flush": (c_void_p, _FLOATS, c_int64, _COUNT),
    "stream_reset": (c_void_p, c_uint64),
    "stream_scale": (c_void_p, c_double, c_double),
}


class Library:
    """libwavehax.so. A status other than OK is raised as CError."""

    def __init__(self, folder: Path) -> None:
        self._functions = ctypes.CDLL(str(folder / "libwavehax.so"))
        for name, arguments in _ARGUMENTS.items():
            getattr(self._functions, f"wavehax_{name}").argtypes = (*arguments, POINTER(_Error))
        for name in ("version", "available_isas", "model_config"):
            getattr(self._functions, f"wavehax_{name}").restype = c_char_p
        for name in ("model_free", "stream_free", "mel_stream_free", "model_config"):
            getattr(self._functions, f"wavehax_{name}").argtypes = (c_void_p,)
        self.mel_frames = self._functions.wavehax_mel_frames
        self.mel_frames.argtypes, self.mel_frames.restype = (c_void_p, c_int64), c_int64

    def call(self, name: str, *arguments: object) -> None:
        error = _Error()
        status = getattr(self._functions, f"wavehax_{name}")(*arguments, byref(error))
        if status != OK:
            raise CError(status, error.message.decode())

    def text(self, name: str, *arguments: object) -> str:
        return getattr(self._functions, f"wavehax_{name}")(*arguments).decode()

    def free(self, kind: str, handle: c_void_p) -> None:
        getattr(self._functions, f"wavehax_{kind}_free")(handle)


class CModel:
    """A loaded model; mels are [frames, n_mels]."""

    def __init__(
        self, library: Library, file: Path | bytes, isa: str = "auto", precision: str = "fp32"
    ) -> None:
        self.library, self.handle = library, c_void_p()
        options = byref(_LoadOptions(ctypes.sizeof(_LoadOptions), isa.encode(), precision.encode()))
        if isinstance(file, bytes):
            library.call("model_load_memory", file, len(file), options, byref(self.handle))
        else:
            library.call("model_load", str(file).encode(), options, byref(self.handle))
        self.info = Info(ctypes.sizeof(Info))
        library.call("model_info", self.handle, byref(self.info))
        self.features = Features(ctypes.sizeof(Features))
        library.call("model_features", self.handle, byref(self.features))

    def __del__(self) -> None:
        self.library.free("model", self.handle)

    def config(self) -> str:
        return self.library.text("model_config", self.handle)

    def vocode(
        self,
        mel: np.ndarray,
        f0: np.ndarray | None,
        seed: int = 0,
        threads: int = 1,
        f0_scale: float = 0.0,
        formant_scale: float = 0.0,
    ) -> np.ndarray:
        wave = np.empty(len(mel) * self.info.hop_length, np.float32)
        size = ctypes.sizeof(_VocodeOptions)
        options = byref(_VocodeOptions(size, seed, threads, f0_scale, formant_scale))
        self.library.call(
            "vocode", self.handle, floats(mel), floats(f0), len(mel), options, floats(wave)
        )
        return wave

    def log_mel(self, audio: np.ndarray) -> np.ndarray:
        frames = max(0, self.library.mel_frames(self.handle, len(audio)))
        mel = np.empty((frames, self.info.n_mels), np.float32)
        self.library.call("log_mel", self.handle, floats(audio), len(audio), floats(mel))
        return mel

    def predict_f0(self, mel: np.ndarray) -> np.ndarray:
        f0 = np.empty(len(mel), np.float32)
        self.library.call("predict_f0", self.handle, floats(mel), len(mel), floats(f0))
        return f0


class CStream:
    """One voice."""

    def __init__(self, model: CModel, seed: int = 0) -> None:
        self.model, self.handle = model, c_void_p()
        model.library.call("stream_new", model.handle, seed, byref(self.handle))

    def __del__(self) -> None:
        self.model.library.free("stream", self.handle)

    def push(self, mel: np.ndarray, f0: np.ndarray | None) -> np.ndarray:
        return self._samples(
            "push", len(mel) * self.model.info.hop_length, floats(mel), floats(f0), len(mel)
        )

    def flush(self) -> np.ndarray:
        return self._samples("flush", self.model.info.delay)

    def scale(self, f0_scale: float, formant_scale: float) -> None:
        self.model.library.call("stream_scale", self.handle, f0_scale, formant_scale)

    def reset(self, seed: int) -> None:
        self.model.library.call("stream_reset", self.handle, seed)

    def _samples(self, name: str, most: int, *arguments: object) -> np.ndarray:
        wave, count = np.empty(most, np.float32), c_int64()
        self.model.library.call(
            f"stream_{name}", self.handle, *arguments, floats(wave), most, byref(count)
        )
        return wave[: count.value]


class CMelStream:
    """The mel of one recording."""

    def __init__(self, model: CModel) -> None:
        self.model, self.handle = model, c_void_p()
        model.library.call("mel_stream_new", model.handle, byref(self.handle))

    def __del__(self) -> None:
        self.model.library.free("mel_stream", self.handle)

    def push(self, audio: np.ndarray) -> np.ndarray:
        most = len(audio) // self.model.features.hop_length + 1
        return self._frames("push", most, floats(audio), len(audio))

    def flush(self) -> np.ndarray:
        features = self.model.features
        return self._frames("flush", features.delay // features.hop_length + 2)

    def reset(self) -> None:
        self.model.library.call("mel_stream_reset", self.handle)

    def _frames(self, name: str, most: int, *arguments: object) -> np.ndarray:
        mel, count = np.empty((most, self.model.info.n_mels), np.float32), c_int64()
        self.model.library.call(
            f"mel_stream_{name}", self.handle, *arguments, floats(mel), most, byref(count)
        )
        return mel[: count.value]


def floats(values: np.ndarray | None) -> object:
    """Return a pointer to float32 values in C order, or null."""
    if values is None:
        return None
    assert values.dtype == np.float32 and values.flags.c_contiguous
    return values.ctypes.data_as(_FLOATS)
