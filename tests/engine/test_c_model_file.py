"""The reader of model files in C++ against that in Python: the same files accepted and refused, in
little memory."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_library import ERROR_MODEL, CError, CModel, Library
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_models import random_weights
from tiny_models import tiny_model, with_f0

from wavehax import ModelError
from wavehax.checkpoint import load_model, save_model
from wavehax.config import FEATURES, GENERATORS, to_dict

# Integers and other numbers at the limits of fields, and beyond them.
HOSTILE = [
    *(
        0,
        1,
        -1,
        2,
        3,
        7,
        31,
        32,
        33,
        65_536,
        65_538,
        768_001,
        2**31 - 1,
        2**31,
        2**53,
        2**63,
        10**30,
    ),
    *(
        0.5,
        7.0,
        1e-400,
        1e300,
        True,
        None,
        "",
        "pcph",
        "batch",
        "dwt",
        "centre",
        [],
        [1],
        [3, 3],
        [3, 3, 3],
        {},
        {"a": 1},
    ),
]


@pytest.fixture(scope="session")
def c(library: Path) -> Library:
    return Library(library)


@pytest.fixture(scope="session")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a model file with a predictor of F0."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_model(path, with_f0(tiny_model("tiny_wavehax_frame")))
    return path.read_bytes()


def split(content: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Return header, configuration and tensors of a model file."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    return header, json.loads(header["__metadata__"]["wavehax"]), content[end:]


def joined(header: dict[str, Any] | str, data: bytes, config: Any = None) -> bytes:
    """Return the bytes of a model file. `config` is put into the header if it is given."""
    if config is not None:
        header["__metadata__"]["wavehax"] = (
            config if isinstance(config, str) else json.dumps(config)
        )
    text = (header if isinstance(header, str) else json.dumps(header)).encode(
        errors="surrogateescape"
    )
    return struct.pack("<Q", len(text)) + text + data


def refusals(c: Library, path: Path, content: bytes) -> tuple[str | None, str | None]:
    """Return why C++ and Python refuse a file; None for one that accepts it."""
    path.write_bytes(content)
    messages: list[str | None] = [None, None]
    try:
        assert CModel(c, path).config()
    except CError as error:
        assert error.status == ERROR_MODEL and str(error).isascii() and str(error).isprintable()
        messages[0] = str(error)
    try:
        load_model(path)
    except ModelError as error:
        messages[1] = str(error)
    return messages[0], messages[1]


def header_change(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    def apply(content: bytes) -> bytes:
        header, _, data = split(content)
        text = change(header)
        return joined(text if isinstance(text, str) else header, data)

    return apply


def config_change(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    def apply(content: bytes) -> bytes:
        header, config, data = split(content)
        text = change(config)
        return joined(header, data, text if isinstance(text, str) else config)

    return apply


def value_change(name: str, value: float) -> Callable[[bytes], bytes]:
    def apply(content: bytes) -> bytes:
        header, _, data = split(content)
        begin = header[name]["data_offsets"][0]
        return joined(header, data[:begin] + struct.pack("<f", value) + data[begin + 4 :])

    return apply


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda content: b"", "truncated"),
    "cut": (lambda content: content[:-4], "truncated"),
    "longer": (lambda content: content + b"\0" * 4, "4 bytes behind the last tensor"),
    "header beyond the file": (lambda content: b"\xff" * 8 + content[8:], "18446744073709551615"),
    "no UTF-8": (header_change(lambda h: json.dumps(h).replace("mel_mean", "\udcff")), ""),
    "deep": (header_change(lambda h: "[" * 100_000), ""),
    "a list": (header_change(lambda h: "[]"), ""),
    "NaN in JSON": (config_change(lambda c: c["provenance"].update(score=float("nan"))), ""),
    "a repeated tensor": (
        header_change(lambda h: json.dumps(h)[:-1] + ',"mel_mean":{}}'),
        "repeats the key 'mel_mean'",
    ),
    "a repeated field": (
        config_change(lambda c: json.dumps(c)[:-1] + ',"features":{}}'),
        "repeats the key 'features'",
    ),
    "overlapping": (header_change(lambda h: h.update(mel_scale=h["mel_mean"])), "begins at byte"),
    "another dtype": (header_change(lambda h: h["mel_mean"].update(dtype="F16")), "dtype"),
    "a size that overflows": (
        header_change(lambda h: h["mel_mean"].update(shape=[2**62, 4, 10])),
        "does not fill",
    ),
    "another key of a tensor": (
        header_change(lambda h: h["mel_mean"].update(file="x")),
        "data_offsets",
    ),
    "no configuration": (
        header_change(lambda h: h.pop("__metadata__") and None),
        "__metadata__.wavehax",
    ),
    "an unknown field": (
        config_change(lambda c: c["generator"].update(layers=1)),
        "unknown field 'layers'",
    ),
    "an unknown part": (config_change(lambda c: c.update(extra=1)), "extra"),
    "a missing field": (
        config_change(lambda c: c["features"].pop("f_max") and None),
        "missing field 'f_max'",
    ),
    "blocks beyond number": (
        config_change(lambda c: c["generator"].update(num_blocks=10**9)),
        "a voice would keep",
    ),
    "an enormous size": (
        config_change(lambda c: c["generator"].update(n_fft=2**31 - 2)),
        "a voice would keep",
    ),
    "more blocks than tensors": (
        config_change(lambda c: c["generator"].update(num_blocks=99)),
        "num_blocks=99",
    ),
    "another size": (config_change(lambda c: c["generator"].update(n_mels=11)), "n_mels"),
    "other sizes": (config_change(lambda c: c["generator"].update(channels=9)), "has shape"),
    "a predictor's field": (config_change(lambda c: c["f0"].update(num_bins=0)), "num_bins"),
    "a predictor without configuration": (
        config_change(lambda c: c.pop("f0") and None),
        "unexpected tensor",
    ),
    "NaN weights": (value_change("input_proj.weight", np.nan), "input_proj.weight"),
    "infinite weights of the predictor": (
        value_change("f0.input_proj.bias", -np.inf),
        "f0.input_proj.bias",
    ),
    "no scale": (value_change("mel_scale", 0.0), "mel_scale"),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_refused_in_both_languages_for_the_same_reason(
    c, content, tmp_path, damage, words
):
    ours, theirs = refusals(c, tmp_path / "damaged.safetensors", damage(content))
    assert ours is not None and theirs is not None
    assert words in ours and words in theirs


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("log", "dB", "features: unknown field 'log'"), ("padding", "same-reflect", "padding")],
)
@pytest.mark.slow
def test_a_mel_that_only_python_computes_is_refused_by_field(
    c, content, tmp_path, field, value, words
):
    change = config_change(lambda config: config["features"].update({field: value}))
    ours, theirs = refusals(c, tmp_path / "changed.safetensors", change(content))
    assert words in ours and theirs is None


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_both_readers_agree_on_any_value_in_any_field(c, content, tmp_path, data):
    header, config, tensors = split(content)
    part = data.draw(st.sampled_from(["generator", "features", "f0", "header"]))
    fields = (
        header[data.draw(st.sampled_from(sorted(header)))] if part == "header" else config[part]
    )
    field = data.draw(st.sampled_from(sorted(fields)))
    if data.draw(st.booleans()):
        fields[field] = data.draw(st.sampled_from(HOSTILE))
    else:
        del fields[field]
    changed = joined(header, tensors, None if part == "header" else config)
    ours, theirs = refusals(c, tmp_path / "changed.safetensors", changed)
    assert (ours is None) == (theirs is None), f"C++: {ours}; Python: {theirs}"


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_c_reader_refuses_altered_bytes_that_python_refuses(c, content, tmp_path, data):
    altered = bytearray(content)
    end_of_header = 8 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 4))):
        altered[data.draw(st.integers(0, end_of_header - 1))] = data.draw(st.integers(0, 255))
    ours, theirs = refusals(c, tmp_path / "altered.safetensors", bytes(altered))
    assert (ours is None) == (theirs is None), f"C++: {ours}; Python: {theirs}"


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(
    provenance=st.dictionaries(st.text(), JSON_VALUES),
    ascii_only=st.tuples(st.booleans(), st.booleans()),
)
def test_any_json_comes_through_the_c_reader_as_it_is(c, content, provenance, ascii_only):
    header, config, data = split(content)
    config["provenance"] = provenance
    header["__metadata__"]["wavehax"] = json.dumps(config, ensure_ascii=ascii_only[0])
    model = CModel(c, joined(json.dumps(header, ensure_ascii=ascii_only[1]), data))
    assert json.loads(model.config()) == config


# Bytes that are not UTF-8 by RFC 3629: an impossible lead byte, a continuation without a lead byte,
# a form too long, half a surrogate pair, a code point beyond the last, a sequence cut short.
NO_UTF8 = [
    b"\xff",
    b"\x80",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x82",
]
NO_JSON = [
    b"\\x",
    b"\\u12g4",
    b"\x1f",
    b"\n",
    b'" "',
    b'":[01],"',
    b'":-,"',
    b'":tru,"',
    b'":1.,"',
    b'":1e,"',
]


@pytest.mark.parametrize("text", [*NO_UTF8, *NO_JSON], ids=repr)
def test_text_that_is_no_json_in_utf8_is_refused_in_both_languages(c, content, tmp_path, text):
    header = (
        json.dumps(split(content)[0]).encode().replace(b'"mel_mean"', b'"mel_' + text + b'mean"')
    )
    changed = struct.pack("<Q", len(header)) + header + split(content)[2]
    assert None not in refusals(c, tmp_path / "changed.safetensors", changed)


def test_what_is_no_file_is_refused(c, tmp_path):
    for path in (tmp_path, tmp_path / "missing.safetensors"):
        with pytest.raises(CError, match="file"):
            CModel(c, path)


# Prints the peak of resident memory before and after a model is loaded, in kB, as the kernel counts
# it for this process alone.
_MEASURE = """
import ctypes, sys
def peak():
    lines = open("/proc/self/status")
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
library = ctypes.CDLL(sys.argv[1])
before, model, message = peak(), ctypes.c_void_p(), ctypes.create_string_buffer(256)
library.wavehax_model_load(sys.argv[2].encode(), None, ctypes.byref(model), message)
print(message.value.decode(), peak() - before)
"""


def large(content: bytes) -> bytes:
    """Return the bytes of a model file of 8 MB whose last value is NaN."""
    config = GENERATORS["wavehax_fb"]
    weights = random_weights(config, 0)
    values = b"".join(value.tobytes() for value in weights.values())
    header, entries, end = split(content)[0], {}, 0
    for name, value in weights.items():
        entries[name] = {
            "dtype": "F32",
            "shape": list(value.shape),
            "data_offsets": [end, end + value.nbytes],
        }
        end += value.nbytes
    parts = {
        "generator": to_dict(config),
        "features": to_dict(FEATURES["wavehax-48k"]),
        "provenance": {},
    }
    metadata = {"__metadata__": header["__metadata__"]}
    return joined(metadata | entries, values[:-4] + struct.pack("<f", np.nan), parts)


LARGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "an endless header": (header_change(lambda h: json.dumps(h) + " " * 8_000_000), "header of 80"),
    "bytes without end": (
        lambda content: content + b"\0" * 8_000_000,
        "8000000 bytes behind the last tensor",
    ),
    "NaN at the very end": (large, "output_proj.bias"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize(("damage", "words"), LARGE.values(), ids=LARGE)
def test_a_refused_file_takes_less_than_twice_its_size_in_memory(
    library, content, tmp_path, damage, words
):
    path = tmp_path / "large.safetensors"
    path.write_bytes(damage(content))
    command = [sys.executable, "-c", _MEASURE, library / "libwavehax.so", path]
    message, kilobytes = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.rsplit(maxsplit=1)
    assert words in message
    assert int(kilobytes) * 1024 < 2 * path.stat().st_size
