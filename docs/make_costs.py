"""Draws docs/costs.svg: what the shipped models cost, and how they sound.

    python docs/make_costs.py CORPUS/MANIFEST.tsv --work costs

In the folder of `--work` each model gets MODEL.json, the scores of `wavehax evaluate`, and the
machine gets bench.json, the speeds of `wavehax bench`. Files that are there are taken as they are,
so an interrupted call can be repeated. Scoring a model takes a quarter of an hour of a processor.
Needs the extras [f0,eval,mos,bench,docs].
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter
from torch.utils.flop_counter import FlopCounterMode

from wavehax.bench import peers
from wavehax.bench.cases import operations_per_frame
from wavehax.checkpoint import load_model
from wavehax.errors import exit_code
from wavehax.files.outputs import replacing
from wavehax.models.locate import model_path, shipped_models

OUTPUT = Path(__file__).parent / "costs.svg"
SPLITS = ("dev", "unseen")
SCORES = {"PESQ-WB": "pesq_wb", "DistillMOS less the recording's": "distillmos_difference"}
"""The label of an axis, and the name of its score in the files of `wavehax evaluate`."""


class Point(NamedTuple):
    """A network on the axes of cost."""

    name: str
    multiply_adds: float  # a second of sound
    speeds: dict[str, float]  # times real time on one core, by precision or program


def evaluate(model: str, manifest: Path, work: Path) -> dict[str, dict[str, Any]]:
    """The mean scores of a model for each split, measured unless the folder has them."""
    path = work / f"{model}.json"
    if not path.is_file():
        command = ["evaluate", "--data", manifest, "--model", model, "--splits", *SPLITS]
        _wavehax(*command, "--output", path)
    groups = json.loads(path.read_text())["groups"]
    return {group["group"]: group["means"] for group in groups if not group["speaker"]}


def bench(models: list[str], work: Path) -> list[dict[str, Any]]:
    """The rows of `wavehax bench`, measured unless the folder has them."""
    path = work / "bench.json"
    if not path.is_file():
        _wavehax("bench", *models, "--stream", "--peers", "--json", path)
    return json.loads(path.read_text())["rows"]


def _wavehax(*arguments: Any) -> None:
    subprocess.run([sys.executable, "-m", "wavehax", *map(str, arguments)], check=True)


def model_point(model: str, rows: list[dict[str, Any]]) -> Point:
    """A shipped model, with the speed of the whole utterance for each precision."""
    config = load_model(model_path(model)).generator
    frames = config.sample_rate / config.hop_length
    mine = [row for row in rows if row["model"] == model and row["what"] == "whole"]
    speeds = {row["precision"]: 1 / row["rtf"]["median"] for row in mine}
    _check_measured(model, speeds)
    return Point(model, operations_per_frame(config) / 2 * frames, speeds)


def peer_points(rows: list[dict[str, Any]]) -> list[Point]:
    """Other vocoders in ONNX Runtime; their quality is not known, as their weights are random."""
    points = []
    for name, network, mel, seconds in peers.other_networks(1.0):
        with FlopCounterMode(display=False) as counter:
            network(mel)
        speeds = {
            row["what"]: 1 / row["rtf"]["median"]
            for row in rows
            if row["model"] == name and row["what"] == "ONNX"
        }
        _check_measured(name, speeds)
        points.append(Point(name, counter.get_total_flops() / 2 / seconds, speeds))
    return points


def _check_measured(name: str, speeds: dict[str, float]) -> None:
    if not speeds:
        raise ValueError(
            f"bench.json has no speed of {name!r}: delete it, and install the extra [bench]"
        )


def draw(
    points: list[Point], others: list[Point], scores: dict[str, dict[str, dict[str, Any]]]
) -> None:
    """Write the picture: a row for each score, a column for each cost."""
    matplotlib.rcParams |= {"svg.hashsalt": "wavehax", "svg.fonttype": "none", "font.size": 9}
    size = {"figsize": (9, 7), "layout": "constrained"}
    figure, axes = plt.subplots(len(SCORES), 2, sharex="col", sharey="row", **size)
    for row, (label, measure) in zip(axes, SCORES.items(), strict=True):
        row[0].set_ylabel(label)
        for point in points:
            for split, filled in zip(SPLITS, (True, False), strict=True):
                score = scores[point.name][split][measure]
                quality = score["mean"], score["interval"]
                _mark(row[0], point.multiply_adds / 1e6, quality, point.name, filled)
                for precision, speed in point.speeds.items():
                    name = point.name if precision == "fp32" else f"{point.name}, {precision}"
                    _mark(row[1], speed, quality, name, filled)
        for other in others:
            _line(row[0], other.multiply_adds / 1e6, other.name)
            for speed in other.speeds.values():
                _line(row[1], speed, f"{other.name}, ONNX Runtime")
    axes[-1][0].set_xlabel("million multiply-adds for a second of sound")
    axes[-1][1].set_xlabel("times real time, one core")
    for axis in axes.flat:
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(ScalarFormatter())
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.grid(color="#ddd")
    figure.legend(*_legend(axes[0][1]), loc="outside lower center", ncols=3, frameon=False)
    picture = io.StringIO()
    figure.savefig(picture, format="svg", metadata={"Date": None})
    lines = [line.rstrip() for line in picture.getvalue().splitlines()]
    with replacing(OUTPUT, overwrite=True) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _colour(name: str) -> str:
    """A colour for each model or vocoder, whatever its precision."""
    names = [*shipped_models(), "Vocos shape", "HiFi-GAN V1 shape"]
    return f"C{names.index(name.split(',')[0])}"


def _mark(axis: Axes, cost: float, quality: tuple[float, float], name: str, filled: bool) -> None:
    style = {"markerfacecolor": _colour(name) if filled else "white"}
    marker = "s" if "," in name else "o"
    label = f"{name} ({SPLITS[0] if filled else SPLITS[1]})"
    axis.errorbar(cost, *quality, fmt=marker, color=_colour(name), label=label, **style)


def _line(axis: Axes, cost: float, name: str) -> None:
    axis.axvline(cost, color=_colour(name), linestyle="--", label=name)


def _legend(axis: Axes) -> tuple[list[Any], list[str]]:
    """Handles and labels, each label once."""
    handles, labels = axis.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    return list(once.values()), list(once)


def main() -> int:
    """Measure what is missing, and draw. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("manifest", type=Path, help="MANIFEST.tsv of a corpus")
    parser.add_argument("--work", type=Path, required=True, help="folder for scores and speeds")
    arguments = parser.parse_args()

    def make() -> None:
        arguments.work.mkdir(parents=True, exist_ok=True)
        models = shipped_models()
        rows = bench(models, arguments.work)
        scores = {model: evaluate(model, arguments.manifest, arguments.work) for model in models}
        draw([model_point(model, rows) for model in models], peer_points(rows), scores)

    return exit_code(make)


if __name__ == "__main__":
    sys.exit(main())
