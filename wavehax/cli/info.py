"""`wavehax info`: describe a model."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
from typing import Any

from wavehax.checkpoint import Model, load_model
from wavehax.cli import shared
from wavehax.cli.types import Commands
from wavehax.config import FeatureConfig
from wavehax.errors import printable
from wavehax.models.locate import card_path, model_path
from wavehax.vocoder import Vocoder
from wavehax.voice.loading import available_isas


def add(commands: Commands) -> None:
    command = commands.add_parser(
        "info",
        help="describe a model",
        description="Print the shape of a model, its origin, and how it runs on this machine.",
    )
    command.add_argument("model", nargs="?", metavar="MODEL", help=shared.MODEL_HELP)
    shared.add_isa(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    print(describe(arguments.model, arguments.isa, arguments.precision))
    return 0


def describe(name: str | None, isa: str, precision: str) -> str:
    """The description of a model as lines of text."""
    path = model_path(name)
    model = load_model(path)
    voc = Vocoder(model, isa=isa, precision=precision)
    card = card_path(path)
    rows = [("model", str(path)), *([("card", str(card))] if card else []), *_shape_rows(model)]
    if voc.f0_range is not None:
        rows.append(("f0 range", "made for {:g}-{:g} Hz".format(*voc.f0_range)))
    rows.append(("streaming", _delay(voc)))
    rows.append(("isa", f"{voc.isa} (available: {', '.join(available_isas())})"))
    rows.append(("precision", voc.precision))
    rows += _provenance_rows(model.provenance)
    rows = [(printable(label), printable(value)) for label, value in rows]
    width = max(len(label) for label, _ in rows) + 2
    return "\n".join(f"{label:<{width}}{value}" for label, value in rows)


def _provenance_rows(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """One row for each mapping; nested mappings have their own, such as `scores dev`."""
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    rows = (
        [(prefix, ", ".join(f"{key} {_short(value)}" for key, value in plain.items()))]
        if prefix and plain
        else []
    )
    rows += [] if prefix else [(key, _short(value)) for key, value in plain.items()]
    for key, value in values.items():
        rows += (
            _provenance_rows(value, f"{prefix} {key}".strip()) if isinstance(value, dict) else []
        )
    return rows


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _shape_rows(model: Model) -> list[tuple[str, str]]:
    config, features = model.generator, model.features
    state = ("mel_mean", "mel_scale") + (
        ("filter_bank",) if config.stream_filter != "learned" else ()
    )
    trained = [
        x.size
        for name, x in model.weights.items()
        if not name.startswith(state) and ".running_" not in name
    ]
    fields = itertools.chain(
        (
            f"{config.output} domain",
            f"prior {config.prior}",
            f"{config.channels} channels x {config.mult_channels}",
        ),
        (
            f"{config.num_blocks} blocks {config.kernel_size[0]} x {config.kernel_size[1]}",
            f"n_fft {config.n_fft}",
        ),
        (f"norm {config.norm}", f"{config.time_padding} in time"),
        (f"{config.num_streams} streams ({config.stream_filter})",)
        if config.num_streams > 1
        else (),
        ("log-magnitude and phase",) if config.use_logmag_phase else (),
    )
    mel = (
        f"{features.name}: {features.n_mels} {features.mel_scale} bands"
        f" {features.f_min:g}-{features.f_max:g} Hz,"
        f" n_fft {features.n_fft}, {features.padding} frames, {_written(features)}"
    )
    f0 = "must be given"
    if model.f0 is not None:
        low, high = model.f0.config.f0_min, model.f0.config.f0_max
        f0 = (
            f"predicted from the mel where not given: {low:.0f}-{high:.0f} Hz,"
            f" {model.f0.config.channels} channels"
        )
    return [
        ("sound", f"{config.sample_rate} Hz, {config.hop_length} samples a frame"),
        ("features", mel),
        ("generator", ", ".join(fields)),
        ("parameters", f"{sum(trained):,}"),
        ("f0", f0),
    ]


def _delay(voc: Vocoder) -> str:
    if not voc.config.streamable:
        return (
            f"no: norm {voc.config.norm!r} or {voc.config.outer_norm!r} needs the whole utterance"
        )
    stream = voc.stream()
    milliseconds = 1000 * stream.delay / voc.sample_rate
    return (
        f"delay {stream.delay} samples, {milliseconds:.1f} ms; {stream.memory / 1e6:.1f} MB a voice"
    )


def _written(features: FeatureConfig) -> str:
    """How values are written: what every mel has, and the fields that differ from the default."""
    log = {"e": "ln", "10": "log10", "dB": "dB"}[features.log]
    others = [
        f"{field.name} {getattr(features, field.name)}"
        for field in dataclasses.fields(features)
        if field.metadata and field.name != "log"
        if getattr(features, field.name) != field.default
    ]
    return ", ".join([f"{log} of at least {features.log_floor:g}", *others])
