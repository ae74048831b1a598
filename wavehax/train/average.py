"""A model file whose weights are the weighted mean of the weights of other models.

If one model was trained from the other, both are so near to each other that a mean of them speaks
too, with some of the merits of each. A mean of models trained apart does not.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wavehax.checkpoint import Model, load_model, save_model
from wavehax.config import FeatureConfig, GeneratorConfig, from_dict
from wavehax.config.written import written
from wavehax.errors import ModelError
from wavehax.files.outputs import refuse_existing, replacing
from wavehax.models.locate import model_path, shipped_models
from wavehax.vocoder import Vocoder

if TYPE_CHECKING:
    from wavehax.data.config import DataConfig

_MAX_SUM_ERROR = 1e-6  # by which the sum of the weights may differ from 1
_TRIAL_FRAMES, _TRIAL_F0 = 50, 150.0  # frames and F0 in Hz of the trial of a new model
_SEED = 0  # decides on which segments batch norms are measured


def average(
    names: Sequence[str | os.PathLike[str]],
    weights: Sequence[float],
    out: Path,
    *,
    data: Path | None = None,
    card: Mapping[str, Any] | None = None,
    force: bool = False,
) -> Model:
    """Write the model file `out`, the weighted mean of models.

    `out` appears (or, with `force`, is replaced) only once the engine has been found to run it and,
    where PyTorch is installed, to compute what PyTorch does.

    Args:
        names: two or more models, named as for `wavehax.load`.
        weights: the weight of each model, 0 to 1; their sum is 1 to within 1e-6.
        out: the model file.
        data: a prepared folder, on which the statistics of batch norms are measured under the new
            weights, as `wavehax package` does. Segments are drawn as they were for the training of
            the first model whose provenance says how, or else by the defaults of DataConfig. With
            None the statistics are averaged as all other tensors are. If the models have no batch
            norms, the folder is not read.
        card: provenance to add, under any names but `average`.
        force: whether to replace `out` where it exists.

    Returns:
        The model, as read back from `out`. Its provenance names the models, with their weights and
        their own provenance, under `average`.

    Raises:
        OSError: a file is missing or cannot be written, or `out` exists and `force` is not set.
        ValueError: as `mean_model`; a model or the folder is not as expected; the engine cannot run
            the new model, or computes something else than PyTorch.
        ModuleNotFoundError: `data` is given, and PyTorch is not installed.
    """
    refuse_existing(out, force)
    check_weights(weights, len(names))
    export = _export_module(required=data is not None)
    models = [load_model(model_path(name)) for name in names]
    model = mean_model([str(name) for name in names], models, weights)
    measured = False
    if data is not None and _has_batch_norm(model):
        measured = True
        generator = export.generator_of(model)
        export.measure_batch_norm(generator, _segments(models, data), model.features, _SEED)
        model.weights = export.weights_of(generator)
    model.provenance = _provenance(names, models, weights, measured, card or {})
    with replacing(out, overwrite=force) as temporary:
        save_model(temporary, model)
        written = load_model(temporary)
        if export is None:
            _check_speech(written)
        else:
            export.verify(written, export.generator_of(model))
    return written


def _has_batch_norm(model: Model) -> bool:
    return "batch" in (model.generator.norm, model.generator.outer_norm)


def check_weights(weights: Sequence[float], count: int) -> None:
    """Raise ValueError unless these can be the weights of the mean of `count` models."""
    if count < 2:
        raise ValueError(f"{count} model: expected two or more to average")
    if len(weights) != count:
        raise ValueError(f"{len(weights)} weights for {count} models: expected one of each")
    for i, weight in enumerate(weights):
        if not (math.isfinite(weight) and 0 <= weight <= 1):
            raise ValueError(f"weights[{i}]={weight}: expected 0 to 1")
    total = math.fsum(weights)
    if abs(total - 1) > _MAX_SUM_ERROR:
        raise ValueError(f"the sum of the weights is {total:.9g}: expected 1")


def mean_model(names: Sequence[str], models: Sequence[Model], weights: Sequence[float]) -> Model:
    """The weighted mean of models, without provenance.

    Every tensor of the generators is averaged, statistics of batch norms too. Sums are in float64
    and are divided by the sum of the weights. The predictor of F0 is that of the first model that
    has one.

    Args:
        names: of the models, for messages.
        models: two or more, of one shape, mel and normalisation.
        weights: as `average` takes them.

    Raises:
        ModelError: a field of generator or features, or the normalisation of the mel, differs; the
            message names both models, the field and both values.
        ValueError: as `check_weights`.
    """
    check_weights(weights, len(models))
    first = models[0]
    for name, model in zip(names[1:], models[1:], strict=True):
        _check_alike(names[0], first, name, model)
    shares = np.array(weights, np.float64) / math.fsum(weights)
    tensors = {}
    for name in first.weights:
        parts = zip(shares, models, strict=True)
        total = sum(share * model.weights[name].astype(np.float64) for share, model in parts)
        tensors[name] = np.asarray(total, np.float32)
    f0 = next((model.f0 for model in models if model.f0 is not None), None)
    return Model(first.generator, first.features, tensors, {}, f0)


def _check_alike(first_name: str, first: Model, name: str, model: Model) -> None:
    """Raise ModelError for the first field that differs and must not."""
    for section in ("generator", "features"):
        theirs, ours = (_plain(getattr(given, section)) for given in (model, first))
        for field, value in ours.items():
            if theirs[field] != value:
                found = f"{section}.{field}={theirs[field]}"
                raise ModelError(f"{name}: {found}: expected {value}, as {first_name} has")
    for field in ("mel_mean", "mel_scale"):
        differs = model.weights[field] != first.weights[field]
        if differs.any():
            band = int(np.argmax(differs))
            found = f"{field}[{band}]={model.weights[field][band]:.9g}"
            expected = f"{first.weights[field][band]:.9g}"
            raise ModelError(f"{name}: {found}: expected {expected}, as {first_name} has")


def _plain(config: GeneratorConfig | FeatureConfig) -> dict[str, Any]:
    """All fields of a configuration, also those that model files omit, as plain JSON types."""
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in fields.items()}


def _provenance(
    names: Sequence[str | os.PathLike[str]],
    models: Sequence[Model],
    weights: Sequence[float],
    measured: bool,
    card: Mapping[str, Any],
) -> dict[str, Any]:
    """The card, the predictor's own provenance, and every model's name, weight and provenance."""
    parts = {
        str(i): {"name": _short_name(name), "weight": weight, "provenance": model.provenance}
        for i, (name, weight, model) in enumerate(zip(names, weights, models, strict=True), 1)
    }
    details: dict[str, Any] = {"models": parts}
    if _has_batch_norm(models[0]):
        details["batch_norm"] = "measured" if measured else "averaged"
    donor = next((model.provenance for model in models if model.f0 is not None), {})
    f0 = {"f0": donor["f0"]} if "f0" in donor else {}
    return {**card, **f0, "average": details}


def _short_name(name: str | os.PathLike[str]) -> str:
    """The name of a model without the folders of this machine."""
    if str(name) not in shipped_models() and Path(name).exists():
        return Path(name).absolute().name
    return str(name)


def _export_module(required: bool) -> Any:
    """Import wavehax.train.export; None where PyTorch is not installed and not required."""
    try:
        from wavehax.train import export
    except ModuleNotFoundError as error:
        if required:
            message = f"measuring batch norms needs {error.name}: pip install 'wavehax[train]'"
            raise ModuleNotFoundError(message) from error
        return None
    return export


def _segments(models: Sequence[Model], folder: Path) -> DataConfig:
    """Segments of the folder, drawn as for the training of the first model that says how.

    Where its mels were given, none is of changed recordings.
    """
    from wavehax.data.config import DataConfig
    from wavehax.data.prepared import has_given_mels, prepared_manifest
    from wavehax.data.segments import MADE_MELS

    found = next(filter(None, (_training_data(model.provenance) for model in models)), {})
    if has_given_mels(prepared_manifest(folder, models[0].features)["utterances"]):
        found = {**found, **dict.fromkeys(MADE_MELS, 0.0)}
    return from_dict(DataConfig, {**found, "path": str(folder)})


def _training_data(provenance: Any) -> dict[str, Any] | None:
    """The section `data` that `wavehax package` wrote into a provenance, or into one inside it."""
    match provenance:
        case {"training": {"data": dict() as data}}:
            return data
        case {"average": {"models": dict() as parts}}:
            inner = (p.get("provenance") for p in parts.values() if isinstance(p, dict))
            return next(filter(None, map(_training_data, inner)), None)
    return None


def _check_speech(model: Model) -> None:
    """Raise ModelError unless all samples are finite where every frame is `mel_mean`."""
    mel = np.repeat(model.weights["mel_mean"][:, None], _TRIAL_FRAMES, axis=1)
    f0 = np.full(_TRIAL_FRAMES, _TRIAL_F0, np.float32)
    wave = Vocoder(model)(written(mel, model.features), f0, force_definition=True)
    if not np.isfinite(wave).all():
        raise ModelError(f"output sample {int(np.argmin(np.isfinite(wave)))} is not finite")
