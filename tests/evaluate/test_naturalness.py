"""Predicted opinions of a sound, by stand-ins and, where they are installed, by the networks
themselves."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from evaluate_signals import RATE, noisy, voice

from wavehax.evaluate import naturalness, score_cache
from wavehax.files.sound import read_audio

RECORDING = Path(__file__).parents[1] / "data" / "recording.wav"

STAND_IN = """
import torchaudio
import torch

class ConvTransformerSQAModel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        print("weights loaded")
        self.register_parameter("one", torch.nn.Parameter(torch.ones(())))

    def forward(self, x):
        assert x.shape == (1, 32000) and x.dtype == torch.float32 and not torch.is_grad_enabled()
        assert not self.training and torch.get_num_threads() == 1
        return self.one * 4.25 * torch.ones(1, 1)
"""


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "wavehax" / "scores"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package distillmos, and a torchaudio that fails as that of PyPI does without CUDA."""
    pytest.importorskip("torch", reason="needs the extra [train]")
    sources = {
        "distillmos": STAND_IN,
        "torchaudio": "raise OSError('libc10_cuda.so: cannot open object file')",
    }
    for name, source in sources.items():
        (tmp_path / "packages" / name).mkdir(parents=True)
        (tmp_path / "packages" / name / "__init__.py").write_text(source)
        for module in [module for module in sys.modules if module.split(".")[0] == name]:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    naturalness._distillmos_network.cache_clear()
    yield
    naturalness._distillmos_network.cache_clear()
    sys.modules.pop("distillmos", None)


def test_distillmos_is_given_16_khz_and_needs_no_torchaudio(
    stand_in, capsys: pytest.CaptureFixture
) -> None:
    assert naturalness.distillmos(voice(2), RATE) == 4.25
    assert "torchaudio" not in sys.modules  # for others, it fails as before
    assert capsys.readouterr().out == ""


def test_a_torchaudio_that_works_is_left_alone(stand_in, tmp_path: Path) -> None:
    (tmp_path / "packages" / "torchaudio" / "__init__.py").write_text("works = True")
    assert naturalness.distillmos(voice(2), RATE) == 4.25
    assert sys.modules.pop("torchaudio").works


def test_both_sounds_are_scored_once_by_each_network_that_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard = []

    def loudness(wave: np.ndarray, sample_rate: int) -> float:
        heard.append(sample_rate)
        return float(np.abs(wave).max())

    monkeypatch.setattr(naturalness, "installed", lambda package: package == "speechmos")
    monkeypatch.setattr(naturalness, "version", lambda package: "1.2")
    monkeypatch.setattr(naturalness, "dnsmos", loudness)
    pair = np.full(100, 0.5, np.float32), np.full(100, 0.25, np.float32)
    for _ in range(2):
        assert naturalness.naturalness(*pair, RATE) == {"dnsmos": 0.25, "dnsmos_recording": 0.5}
    assert heard == [RATE] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "score"), [("distillmos", "distillmos"), ("speechmos", "dnsmos")]
)
def test_the_network_itself_hears_noise(package: str, score: str) -> None:
    if not naturalness.installed(package):
        pytest.skip(f"needs {package}, of the extra [mos]")
    speech, rate = read_audio(RECORDING)  # of tones a network of speech has no opinion
    clean, noise = (getattr(naturalness, score)(noisy(speech, level), rate) for level in (0, 0.1))
    assert 5 > clean > noise >= 1


def entry(cache: Path) -> Path:
    (path,) = cache.rglob("*.json")
    return path


@pytest.mark.parametrize(
    "damage", [b"", b'{"score": ', b"[]", b'{"score": "4"}', b'{"score": NaN}', b"\xff\x00", b"{}"]
)
def test_a_damaged_entry_is_computed_again(cache: Path, damage: bytes) -> None:
    wave = voice(0.1)
    assert score_cache.cached_score("a-1", wave, RATE, lambda: 3.0) == 3.0
    assert score_cache.cached_score("a-1", wave, RATE, lambda: 4.0) == 3.0
    entry(cache).write_bytes(damage)
    assert score_cache.cached_score("a-1", wave, RATE, lambda: 5.0) == 5.0
    assert score_cache.cached_score("a-1", wave, RATE, lambda: 6.0) == 5.0
    assert list(cache.rglob("*.tmp")) == []


def test_an_entry_belongs_to_samples_rate_and_version() -> None:
    wave = voice(0.1)
    other = wave.copy()
    other[-1] = np.nextafter(other[-1], np.float32(1))
    score_cache.cached_score("a-1", wave, RATE, lambda: 1.0)
    for score, asked in enumerate(
        (("a-2", wave, RATE), ("a-1", other, RATE), ("a-1", wave, RATE + 1)), 2
    ):
        assert score_cache.cached_score(*asked, lambda score=score: float(score)) == score


def test_a_cache_that_cannot_be_written_keeps_nothing_and_fails_nothing(cache: Path) -> None:
    cache.parent.parent.mkdir(parents=True)
    cache.parent.write_text("a file where the folder would be")
    for score in (1.0, 2.0):
        assert score_cache.cached_score("a-1", voice(0.1), RATE, lambda score=score: score) == score


def test_a_cache_folder_that_is_not_absolute_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # such must be ignored, says the XDG Base Directory Specification
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert score_cache.cache_folder() == tmp_path / ".cache" / "wavehax" / "scores"
