"""Pairs of given mels and recordings: what becomes of them, and what is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from voices import voice

from wavehax.config import FEATURES
from wavehax.data.config import DataConfig
from wavehax.data.corpus import Recording
from wavehax.data.prepare import prepare
from wavehax.data.segments import SegmentDataset
from wavehax.files.sound import read_audio, write_audio
from wavehax.mel.features import f0_from_audio, log_mel

MEL = FEATURES["vocos-24k"]
Command = Callable[..., tuple[int, str, str]]


class Folders:
    """MELS and WAVES of utterances `a`, `b` and `c` of 0.6 s, and OUT, which is not there yet."""

    def __init__(self, folder: Path) -> None:
        self.mels, self.waves, self.out = (folder / name for name in ("mels", "waves", "out"))
        for i, name in enumerate("abc"):
            self.write_wave(name, voice(0.6, 110 + 30 * i, i))
            self.write_mel(name, self.mel(name))

    def write_wave(self, name: str, wave: np.ndarray, rate: int = 24000) -> None:
        path = self.waves / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_audio(path, wave, rate, overwrite=True)

    def write_mel(self, name: str, mel: np.ndarray) -> None:
        path = self.mels / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, mel)

    def mel(self, name: str) -> np.ndarray:
        """That of the recording, [n_mels, T]."""
        return log_mel(read_audio(self.waves / f"{name}.wav", 24000)[0], MEL)

    def prepare(self, command: Command, *options: object) -> tuple[int, str, str]:
        arguments = (self.mels, self.waves, self.out, "--jobs", 1, *options)
        return command("prepare-pairs", *arguments)

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: np.load(self.out / f"{name}.npy") for name in ("audio", "mel", "f0")}

    def utterances(self) -> list[dict[str, object]]:
        return json.loads((self.out / "manifest.json").read_text())["utterances"]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


@pytest.mark.slow
def test_pairs_hold_the_given_mels_and_the_f0_of_the_recordings(
    folders: Folders, command: Command
) -> None:
    biased = {name: folders.mel(name) + 0.5 for name in "abc"}
    for name in "abc":
        folders.write_mel(name, biased[name].T)  # either order is read
    code, said, _ = folders.prepare(command)
    assert code == 0
    assert "1 recordings held out" in said and "longer or shorter" not in said
    frames = 24000 * 6 // 10 // 256
    arrays = folders.arrays()
    expected = [biased[name][:, :frames].T for name in "bc"]  # the first is held out
    np.testing.assert_array_equal(arrays["mel"], np.concatenate(expected))
    waves = [read_audio(folders.waves / f"{name}.wav")[0] for name in "bc"]
    samples = np.concatenate([wave[: frames * 256] for wave in waves])
    np.testing.assert_array_equal(arrays["audio"], np.rint(samples * 32768))
    f0 = np.concatenate([f0_from_audio(wave, MEL)[:frames] for wave in waves])
    np.testing.assert_array_equal(arrays["f0"], f0)
    assert (f0 > 0).any()
    dev = json.loads((folders.out / "dev" / "manifest.json").read_text())["utterances"]
    assert [u["file"] for u in dev] == ["a.wav"]
    assert str(folders.mels / "a.npy") in (folders.out / "MANIFEST.tsv").read_text()


@pytest.mark.slow
def test_what_is_longer_is_cut_at_its_end_and_counted(folders: Folders, command: Command) -> None:
    folders.write_mel("b", folders.mel("b")[:, :-3])
    folders.write_mel("c", np.pad(folders.mel("c"), ((0, 0), (0, 2)), mode="edge"))
    code, said, _ = folders.prepare(command)
    assert code == 0
    assert (
        "2 of 3 mels are longer or shorter than their recordings, by 3 frames at most: cut at"
        " their ends" in said
    )
    whole = 24000 * 6 // 10 // 256
    assert [u["frames"] for u in folders.utterances()] == [whole - 2, whole]
    arrays = folders.arrays()
    assert len(arrays["audio"]) == 256 * len(arrays["mel"]) == 256 * (2 * whole - 2)
    np.testing.assert_array_equal(arrays["mel"][: whole - 2], folders.mel("b")[:, : whole - 2].T)


@pytest.mark.parametrize(("option", "allowed"), [((), 4), (("--most-difference", "1"), 1)])
def test_more_frames_than_allowed_are_refused_by_name_before_anything_is_written(
    folders: Folders, command: Command, option: tuple[str, ...], allowed: int
) -> None:
    for name in "bc":
        folders.write_mel(name, folders.mel(name)[:, : -allowed - 1])
    code, _, error = folders.prepare(command, *option)
    assert code == 1 and not folders.out.exists()
    first, second, last = error.splitlines()
    frames = 24000 * 6 // 10 // 256 + 1
    assert first == (
        f"wavehax: {folders.mels}/b.npy: has {frames - allowed - 1} frames: expected {frames} to"
        f" within {allowed} for {folders.waves}/b.wav, 0.60 s at 24000 Hz"
    )
    assert "c.npy" in second
    assert last == "wavehax: 2 of 3 mels cannot be used: nothing was written"


def test_a_mel_of_another_rate_is_named(folders: Folders, command: Command) -> None:
    wave = voice(2.0, 150, 0)
    folders.write_wave("a", wave, 16000)  # 3 s
    folders.write_mel("a", log_mel(wave, MEL))
    code, _, error = folders.prepare(command)
    assert code == 1
    assert "a.npy: has 188 frames: expected 282" in error
    assert "3.00 s at 16000 Hz; it has as many as at that rate: vocos-24k is a mel of" in error


def nan(folders: Folders) -> None:
    mel = folders.mel("b")
    mel[7, 11] = np.nan
    folders.write_mel("b", mel)


def stereo(folders: Folders) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(folders.waves / "b.wav", np.zeros((14400, 2)), 24000)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (nan, "b.npy: mel is nan in band 7 of frame 11"),
        (stereo, "b.wav: has 2 channels: expected one"),
        (lambda f: f.write_mel("b", folders_mel(80)), r"b.npy: mel has shape [80, 57]: expected"),
        (lambda f: f.write_mel("b", folders_mel(100)), "b.npy: no value of the mel is above"),
        (lambda f: (f.waves / "b.wav").unlink(), "has no recording 'b'"),
        (lambda f: (f.waves / "b.wav").write_bytes(b"no sound"), "b.wav: not a sound file"),
        (lambda f: f.write_mel("x/b", f.mel("b")), "expected one mel for"),
    ],
    ids=["nan", "stereo", "bands", "silent mel", "no recording", "no sound", "two mels"],
)
def test_a_pair_that_cannot_be_used_is_named_before_anything_is_written(
    folders: Folders, command: Command, spoil: Callable[[Folders], object], message: str
) -> None:
    spoil(folders)
    code, _, error = folders.prepare(command)
    assert code == 1 and not folders.out.exists()
    assert message in error


def folders_mel(bands: int) -> np.ndarray:
    """A mel at the floor, as long as those of `Folders`."""
    return np.full((bands, 57), np.log(MEL.log_floor), np.float32)


def silent(folders: Folders) -> None:
    folders.write_wave("b", np.full(14400, 1e-4, np.float32))


def of_another_utterance(folders: Folders) -> None:
    folders.write_mel("b", folders.mel("b")[:, ::-1])


def log10(folders: Folders) -> None:
    folders.write_mel("b", folders.mel("b") / np.log(10))


def of_another_preset(folders: Folders) -> None:
    wave, _ = read_audio(folders.waves / "b.wav", 24000)
    folders.write_mel("b", log_mel(wave, FEATURES["bigvgan-24k"]) + 0.5)  # its level is biased


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (of_another_preset, "b.npy: is the mel 'bigvgan-24k' of"),
        (silent, "b.wav: is silent"),
        (of_another_utterance, "b.npy: does not follow"),
        (log10, "b.npy: moves 0.43 times as far"),
    ],
)
def test_a_mel_that_is_not_of_its_recording_is_named(
    folders: Folders, command: Command, spoil: Callable[[Folders], object], message: str
) -> None:
    spoil(folders)
    code, _, error = folders.prepare(command)
    assert code == 1 and message in error
    assert not (folders.out / "manifest.json").exists()


@pytest.mark.slow
def test_folders_tell_speakers_and_equal_stems_apart_and_the_search_of_f0_is_kept(
    folders: Folders, command: Command
) -> None:
    for speaker, name in (("p1", "a"), ("p2", "b")):
        folders.write_wave(f"{speaker}/001", read_audio(folders.waves / f"{name}.wav")[0])
        folders.write_mel(f"{speaker}/001", folders.mel(name))
    search = ("--f0-min", 60, "--f0-max", 900, "--f0-method", "harvest")
    code, _, _ = folders.prepare(command, *search)
    assert code == 0
    searched = {(u["f0_min"], u["f0_max"], u["f0_method"]) for u in folders.utterances()}
    assert searched == {(60, 900, "harvest")}
    pairs = [(u["speaker"], u["file"], u["mel"]) for u in folders.utterances()]
    assert ("p1", "p1/001.wav", "../mels/p1/001.npy") in pairs
    assert ("p2", "p2/001.wav", "../mels/p2/001.npy") in pairs
    assert ("voice", "b.wav", "../mels/b.npy") in pairs


def test_equal_stems_that_no_folder_tells_apart_are_refused(
    folders: Folders, command: Command
) -> None:
    folders.write_wave("p1/d", voice(0.6, 150, 0))
    folders.write_wave("p2/d", voice(0.6, 150, 0))
    folders.write_mel("d", folders.mel("p1/d"))
    code, _, error = folders.prepare(command)
    assert code == 1
    assert f"d.npy: could be of {folders.waves}/p1/d.wav and {folders.waves}/p2/d.wav" in error


@pytest.mark.slow
def test_a_preparation_of_pairs_that_failed_is_taken_up(folders: Folders, command: Command) -> None:
    silent(folders)
    assert folders.prepare(command)[0] == 1
    folders.write_wave("b", voice(0.6, 140, 1))
    assert folders.prepare(command)[0] == 0
    taken_up = {p.name: p.read_bytes() for p in folders.out.iterdir() if p.is_file()}
    folders.out = folders.out.with_name("again")
    assert folders.prepare(command)[0] == 0
    assert taken_up == {p.name: p.read_bytes() for p in folders.out.iterdir() if p.is_file()}


@pytest.fixture(scope="module")
def prepared_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder of one pair, whose mel is that of the recording, 1 neper louder."""
    folder = tmp_path_factory.mktemp("pairs")
    write_audio(folder / "a.wav", voice(1.0, 150, 0), 24000)
    np.save(folder / "a.npy", log_mel(read_audio(folder / "a.wav")[0], MEL) + 1)
    pair = Recording(folder / "a.wav", "voice", mel=folder / "a.npy")
    prepare([pair], folder, folder / "out", MEL, jobs=1)
    return folder / "out"


@pytest.mark.slow
@pytest.mark.parametrize("share", ["speed_share", "shifted_share", "disturbed_share"])
def test_shares_that_need_the_mel_of_a_changed_recording_are_refused(
    prepared_pairs: Path, share: str
) -> None:
    config = DataConfig(str(prepared_pairs), segment_frames=20, **{share: 0.1})
    with pytest.raises(ValueError, match=f"data.{share}=0.1: expected 0, as the mels in .* were"):
        SegmentDataset(config, MEL, 0)


@pytest.mark.slow
def test_a_gain_raises_given_mel_and_audio_alike(prepared_pairs: Path) -> None:
    config = DataConfig(str(prepared_pairs), batch_size=4, segment_frames=20, gain_db=6)
    for audio, mel in zip(*SegmentDataset(config, MEL, 0).batch(0)[:2], strict=True):
        inside = slice(4, -4)  # windows that lie within the segment
        expected = log_mel(audio, MEL)[:, :20] + 1
        heard = expected > -8  # 16-bit rounding is below
        np.testing.assert_allclose(
            mel[:, inside][heard[:, inside]], expected[:, inside][heard[:, inside]], atol=0.05
        )


@pytest.mark.slow
def test_a_predictor_of_f0_is_trained_on_given_mels_at_the_recorded_speed(
    prepared_pairs: Path,
) -> None:
    f0_data = pytest.importorskip("wavehax.train.f0_data")
    config = DataConfig(str(prepared_pairs), **f0_data.segments(prepared_pairs, MEL))
    data = SegmentDataset(config, MEL, 0)
    assert all(data.draw(step, item).speed == 1 for step in range(9) for item in range(32))


@pytest.mark.slow
def test_batch_norms_of_an_average_are_measured_on_given_mels_as_they_are(
    prepared_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped model's own training drew segments at other speeds, which pairs do not have."""
    export = pytest.importorskip("wavehax.train.export")
    average = pytest.importorskip("wavehax.train.average").average
    drawn: list[DataConfig] = []
    monkeypatch.setattr(export, "measure_batch_norm", lambda _, config, *__: drawn.append(config))
    names, out = ["vocos-24k", "vocos-24k"], tmp_path / "mean.safetensors"
    average(names, [0.5, 0.5], out, data=prepared_pairs)
    assert (drawn[0].path, drawn[0].speed_share) == (str(prepared_pairs), 0)
    SegmentDataset(drawn[0], MEL, 0).batch(0)


@pytest.mark.slow
def test_segments_made_on_a_gpu_are_refused_as_their_mels_are_computed(
    prepared_pairs: Path,
) -> None:
    torch = pytest.importorskip("torch")
    from wavehax.data.resident import ResidentDataset

    config = DataConfig(str(prepared_pairs), segment_frames=20, resident=True)
    with pytest.raises(ValueError, match=r"data\.resident=true: computes mels, and those"):
        ResidentDataset(config, MEL, 0, torch.device("cpu"))
