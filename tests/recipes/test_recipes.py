"""Every recipe on a fabricated folder of its corpus' structure: who is trained on, what is held
out, which F0."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from processes import ENVIRONMENT
from voices import voice

from wavehax.config import FEATURES
from wavehax.data.corpus import Recording, read_manifest
from wavehax.files.sound import write_audio
from wavehax.train.load import load_config
from wavehax.train.loop import Trainer

RECIPES = Path(__file__).parents[2] / "recipes"


@dataclass(frozen=True)
class Corpus:
    """Sound files with their pitch in Hz, and what preparation must make of them."""

    rate: int
    files: dict[str, float]
    speakers: dict[str, int]  # utterances to train on
    held_out: dict[str, str]  # file to split
    features: str = "vocos-24k"
    texts: dict[str, str] = field(default_factory=dict)  # further files
    arguments: tuple[str, ...] = ()


MANIFEST = Corpus(
    24000,
    {"x/a1.flac": 110, "x/a2.flac": 120, "y/b1.flac": 210, "c1.wav": 160},
    {"a": 1, "b": 1},
    {"x/a2.flac": "dev", "c1.wav": "unseen"},
    texts={
        "MANIFEST.tsv": "file\tspeaker\tsplit\tlicence\n"
        "x/a1.flac\ta\ttrain\tCC0\nx/a2.flac\ta\tdev\tCC0\n"
        "y/b1.flac\tb\ttrain\tCC0\nc1.wav\tc\tunseen\tCC0\n"
    },
)
F0_RANGES = """
jvs001:
  gender: F
  falset10: {f0_max: 700, f0_min: 330}
  parallel100: {f0_max: 390, f0_min: 140}
  whisper10: {f0_max: -1, f0_min: -1}
jvs002:
  nonpara30: {f0_max: 180, f0_min: 65}
"""
MANIFESTS = {"quickstart", "wavehax-24k", "nsf-hifigan-44k", "hifigan-22k"}
"""Recipes of any corpus that has a MANIFEST.tsv."""
CORPORA = {
    "quickstart": MANIFEST,
    "wavehax-24k": replace(MANIFEST, arguments=("--shifted",)),
    "nsf-hifigan-44k": replace(MANIFEST, features="nsf-hifigan-44k"),
    "hifigan-22k": replace(MANIFEST, features="hifigan-22k"),
    "finetune": Corpus(
        24000,
        {"chapter1/001.wav": 110, "chapter1/002.wav": 120, "chapter2/001.FLAC": 130},
        {"voice": 2},
        {"chapter1/001.wav": "dev"},
        texts={"chapter1/001.txt": "Text\n"},
    ),
    "ljspeech": Corpus(
        22050,
        {"wavs/LJ001-0001.wav": 200, "wavs/LJ001-0002.wav": 210, "wavs/LJ002-0001.wav": 220},
        {"LJ": 2},
        {"wavs/LJ001-0001.wav": "dev"},
        texts={"metadata.csv": "LJ001-0001|Text|Text\n", "README": "LJSpeech\n"},
    ),
    "vctk": Corpus(
        48000,
        {
            "wav48_silence_trimmed/p225/p225_001_mic1.flac": 200,
            "wav48_silence_trimmed/p225/p225_001_mic2.flac": 200,
            "wav48_silence_trimmed/p225/p225_002_mic1.flac": 210,
            "wav48_silence_trimmed/p280/p280_001_mic1.flac": 190,
            "wav48_silence_trimmed/p361/p361_001_mic1.flac": 180,
            "wav48_silence_trimmed/s5/s5_001_mic1.flac": 230,
        },
        {"p225": 1, "p280": 1},
        {
            "wav48_silence_trimmed/p225/p225_001_mic1.flac": "dev",
            "wav48_silence_trimmed/p361/p361_001_mic1.flac": "unseen",
            "wav48_silence_trimmed/s5/s5_001_mic1.flac": "unseen",
        },
        texts={"txt/p225/p225_001.txt": "Please call Stella.\n", "speaker-info.txt": "ID AGE\n"},
    ),
    "libritts_r": Corpus(
        24000,
        {
            "train-clean-100/103/1240/103_1240_000000_000001.wav": 120,
            "train-clean-100/103/1241/103_1241_000000_000001.wav": 130,
            "train-clean-360/100/121669/100_121669_000001_000000.wav": 210,
            "train-other-500/20/205/20_205_000000_000000.wav": 140,
            "dev-clean/84/121123/84_121123_000007_000001.wav": 190,
        },
        {"103": 1, "100": 1},
        {
            "train-clean-100/103/1240/103_1240_000000_000001.wav": "dev",
            "dev-clean/84/121123/84_121123_000007_000001.wav": "unseen",
        },
        texts={"train-clean-100/103/1240/103_1240.trans.tsv": "103_1240_000000_000001\tText\n"},
    ),
    "jvs": Corpus(
        24000,
        {
            "jvs001/falset10/wav24kHz16bit/BASIC5000_0235.wav": 300,
            "jvs001/falset10/wav24kHz16bit/VOICEACTRESS100_001.wav": 600,
            "jvs001/parallel100/wav24kHz16bit/VOICEACTRESS100_001.wav": 250,
            "jvs001/whisper10/wav24kHz16bit/VOICEACTRESS100_001.wav": 200,
            "jvs002/nonpara30/wav24kHz16bit/BASIC5000_0025.wav": 80,
        },
        {"jvs001": 3, "jvs002": 1},
        {"jvs001/falset10/wav24kHz16bit/BASIC5000_0235.wav": "dev"},
        "wavehax-24k",
        texts={
            "f0_ranges.yaml": F0_RANGES,
            "jvs001/parallel100/transcripts_utf8.txt": "VOICEACTRESS100_001:\n",
        },
        arguments=("--f0-ranges", "f0_ranges.yaml"),
    ),
    "singing": Corpus(
        48000,
        {
            "bass/song.wav": 80,
            "soprano/a/scale.FLAC": 900,
            "soprano/a/song.wav": 500,
            "soprano/song.flac": 700,
        },
        {"soprano": 3},
        {"bass/song.wav": "dev"},
        "wavehax-48k",
        texts={"soprano/score.mid": "", "LICENCE.txt": ""},
    ),
}


@pytest.fixture(scope="module")
def fabricate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes the corpus of a recipe, once."""
    root = tmp_path_factory.mktemp("corpora")

    def make(recipe: str) -> Path:
        folder, corpus = root / recipe, CORPORA[recipe]
        if folder.exists():
            return folder
        for seed, (name, pitch) in enumerate(corpus.files.items()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_audio(folder / name, voice(0.6, pitch, seed, corpus.rate), corpus.rate)
        for name, text in corpus.texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return folder

    return make


@pytest.fixture(scope="module")
def prepared(fabricate: Callable[[str], Path]) -> Callable[[str], Path]:
    """Runs the prepare.py of a recipe, once."""

    def run(recipe: str) -> Path:
        folder = fabricate(recipe)
        out = folder.with_name(f"{recipe}-prepared")
        if not out.exists():
            command = [sys.executable, RECIPES / recipe / "prepare.py", folder, out, "--jobs", "1"]
            command += CORPORA[recipe].arguments
            done = subprocess.run(
                command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            assert done.stderr == ""
        return out

    return run


def f0_of(prepared: Path) -> Iterator[tuple[dict, np.ndarray]]:
    f0 = np.load(prepared / "f0.npy")
    for utterance in json.loads((prepared / "manifest.json").read_text())["utterances"]:
        yield utterance, f0[utterance["start"] : utterance["start"] + utterance["frames"]]


def recordings_of(recipe: str, *arguments: Path) -> list[Recording]:
    """What the recipe finds, without analysing it."""
    return list(runpy.run_path(str(RECIPES / recipe / "prepare.py"))["recordings"](*arguments))


def test_every_recipe_is_tested_and_whole() -> None:
    folders = sorted(
        path.name for path in RECIPES.iterdir() if path.is_dir() and path.name != "__pycache__"
    )
    # aliasing and vocos-24k-lite train on what another has prepared, finetune-gta on what
    # `prepare-pairs` has, and f0 prepares what a command trains on.
    others = {
        "aliasing": {"config.yaml", "train.py"},
        "finetune-gta": {"config.yaml", "spoil.py"},
        "f0": {"prepare.py", "convert.py"},
        "vocos-24k-lite": {"config.yaml", "adversarial.yaml", "start.py"},
    }
    assert folders == sorted([*CORPORA, *others])
    for folder in folders:
        files = {"README.md", *others.get(folder, {"config.yaml", "prepare.py"})}
        assert files <= {path.name for path in (RECIPES / folder).iterdir()}
        assert f"[{folder}]({folder}/README.md)" in (RECIPES / "README.md").read_text()


@pytest.mark.parametrize("recipe", CORPORA)
@pytest.mark.slow
def test_a_recipe_prepares_its_corpus(recipe: str, prepared: Callable[[str], Path]) -> None:
    corpus, out = CORPORA[recipe], prepared(recipe)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["features"]["name"] == corpus.features
    assert Counter(u["speaker"] for u in manifest["utterances"]) == corpus.speakers
    assert not {u["file"] for u in manifest["utterances"]} & set(corpus.held_out)
    dev = json.loads((out / "dev" / "manifest.json").read_text())["utterances"]
    assert {u["file"] for u in dev} == {
        file for file, split in corpus.held_out.items() if split == "dev"
    }
    folder = out.with_name(recipe)
    held_out = {str(r.path.relative_to(folder.resolve())): r.split for r in read_manifest(out)}
    assert held_out == corpus.held_out
    frames = 0.6 * FEATURES[corpus.features].sample_rate // FEATURES[corpus.features].hop_length
    assert len(np.load(out / "f0.npy")) == frames * sum(corpus.speakers.values())


@pytest.mark.parametrize("recipe", CORPORA)
@pytest.mark.slow
def test_f0_is_that_of_every_voice(recipe: str, prepared: Callable[[str], Path]) -> None:
    for utterance, f0 in f0_of(prepared(recipe)):
        if "whisper" in utterance["file"]:
            assert (f0 == 0).all()
            continue
        pitch = CORPORA[recipe].files[utterance["file"]]
        assert np.mean(f0 > 0) > 0.4
        assert np.median(f0[f0 > 0]) == pytest.approx(pitch, rel=0.1), utterance["file"]


@pytest.mark.parametrize("recipe", CORPORA)
def test_a_config_names_the_folders_of_its_recipe(recipe: str) -> None:
    config = load_config(RECIPES / recipe / "config.yaml")
    assert config.features == CORPORA[recipe].features
    assert (config.run_dir, config.data.path) == (f"runs/{recipe}", f"data/{recipe}")
    assert config.monitor.validation == f"data/{recipe}/dev"


@pytest.mark.parametrize("recipe", CORPORA)
@pytest.mark.slow
def test_a_config_trains_on_what_is_prepared(
    recipe: str, prepared: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One step of one segment; an adversary that starts from nothing is made small."""
    out = prepared(recipe)
    monkeypatch.chdir(RECIPES.parent)  # in which the commands of a recipe run
    changes = [
        f"run_dir={tmp_path}",
        f"data.path={out}",
        "data.batch_size=1",
        "threads=1",
        "accelerator=cpu",
    ]
    adversary = load_config(RECIPES / recipe / "config.yaml").adversary
    if adversary and not adversary.init_from:
        changes += ["adversary.discriminator=light", "adversary.from_hz=0"]
    trainer = Trainer(load_config(RECIPES / recipe / "config.yaml", changes))
    row = trainer.train_step(next(trainer.batches()))
    assert 0 < row["mel"] < 10


STAGES = [
    ("wavehax-24k", "energy"),
    ("wavehax-24k", "adversarial"),
    ("wavehax-24k", "high_voices"),
    ("nsf-hifigan-44k", "adversarial"),
]


@pytest.mark.parametrize(("recipe", "stage"), STAGES)
@pytest.mark.slow
def test_a_later_stage_starts_from_the_shipped_model_and_takes_a_step(
    recipe: str,
    stage: str,
    prepared: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(RECIPES.parent)
    changes = [
        f"run_dir={tmp_path}",
        f"data.path={prepared(recipe)}",
        "data.batch_size=1",
        "threads=1",
    ]
    changes += ["accelerator=cpu"]
    changes += ["adversary.alone_steps=0"] if stage == "adversarial" else []
    config = load_config(RECIPES / recipe / f"{stage}.yaml", changes)
    assert config.monitor.validation == f"data/{recipe}/dev"
    trainer = Trainer(config)
    row = trainer.train_step(next(trainer.batches()))
    assert 0 < row["mel"] < 1 and 0 < row["log_magnitude"] < 1
    assert stage == "energy" or 0 < row["win_rate"] < 1


@pytest.mark.parametrize("recipe", sorted(CORPORA.keys() - MANIFESTS - {"jvs"}))
def test_a_folder_that_is_not_the_corpus_is_refused(recipe: str, tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no such files; is .* the corpus\?"):
        recordings_of(recipe, tmp_path)


@pytest.mark.parametrize("recipe", sorted(MANIFESTS))
def test_a_corpus_without_a_manifest_is_refused(recipe: str, tmp_path: Path) -> None:
    command = [sys.executable, RECIPES / recipe / "prepare.py", tmp_path, tmp_path / "out"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"wavehax: {tmp_path}/MANIFEST.tsv: No such file or directory\n"


def test_libritts_without_other_speakers_to_hold_out_is_refused(
    fabricate: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "train-clean-100").symlink_to(fabricate("libritts_r") / "train-clean-100")
    with pytest.raises(FileNotFoundError, match=r"dev-clean/\*/\*/\*\.wav: no such files"):
        recordings_of("libritts_r", tmp_path)


def test_jvs_ranges_are_the_files(fabricate: Callable[[str], Path]) -> None:
    folder = fabricate("jvs")
    found = recordings_of("jvs", folder, folder / "f0_ranges.yaml")
    expected = {
        "falset10": (330, 700),
        "parallel100": (140, 390),
        "whisper10": (0, 0),
        "nonpara30": (65, 180),
    }
    for recording in found:
        assert (recording.f0_min, recording.f0_max) == expected[recording.path.parts[-3]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda ranges: ranges.pop("jvs002"), "no f0_min and f0_max of jvs002 nonpara30"),
        (
            lambda ranges: ranges["jvs001"].pop("whisper10"),
            "no f0_min and f0_max of jvs001 whisper10",
        ),
        (
            lambda ranges: ranges["jvs002"]["nonpara30"].pop("f0_min"),
            "no f0_min and f0_max of jvs002 nonpara30",
        ),
        (
            lambda ranges: ranges["jvs002"]["nonpara30"].update(f0_min="low"),
            "no f0_min and f0_max of jvs002 nonpara30",
        ),
        (
            lambda ranges: ranges["jvs002"]["nonpara30"].update(f0_min=400),
            "BASIC5000_0025.wav: f0_min=400.0, f0_max=180",
        ),
    ],
)
def test_jvs_ranges_with_a_gap_are_refused_by_name(
    fabricate: Callable[[str], Path], tmp_path: Path, change: Callable[[dict], object], said: str
) -> None:
    ranges = yaml.safe_load(F0_RANGES)
    change(ranges)
    path = tmp_path / "ranges.yaml"
    path.write_text(yaml.safe_dump(ranges))
    with pytest.raises(ValueError, match=said):
        recordings_of("jvs", fabricate("jvs"), path)


def test_jvs_without_the_file_of_ranges_is_refused(
    fabricate: Callable[[str], Path], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"none\.yaml: not a YAML file that can be read"):
        recordings_of("jvs", fabricate("jvs"), tmp_path / "none.yaml")
