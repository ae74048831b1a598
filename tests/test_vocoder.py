from __future__ import annotations

import contextlib
import itertools
import threading
import tracemalloc

import numpy as np
import pytest
from processes import run_python
from tiny_models import TINY, random_f0_weights, read_fixture, tiny_model, with_f0

import wavehax
from wavehax.checkpoint import F0Model
from wavehax.checks import _shipped_mels, checked_mel
from wavehax.config import FEATURES, F0Config
from wavehax.mel.features import frame_count
from wavehax.mel.formants import move_formants
from wavehax.mel.harmonics import flatten_harmonics
from wavehax.models.locate import model_path, shipped_models
from wavehax.vocoder import Vocoder


@pytest.fixture
def voc(tiny) -> Vocoder:
    return Vocoder(tiny)


def test_the_wave_has_a_hop_for_every_frame_and_the_seed_decides_its_bits(voc, mel, f0):
    wave = voc(mel, f0, seed=3)
    assert wave.dtype == np.float32 and wave.shape == (40 * 32,)
    assert (voc.sample_rate, voc.hop_length) == (24000, 32)
    np.testing.assert_array_equal(wave, voc(mel, f0, seed=3))
    assert not np.array_equal(wave, voc(mel, f0, seed=4))


@pytest.mark.parametrize("name", TINY)
def test_a_given_prior_replaces_the_one_of_f0(name):
    arrays = read_fixture(name)[2]
    wave = Vocoder(tiny_model(name))(
        arrays["cond"][0], arrays["f0"][0, 0], prior=arrays["prior"][0, 0]
    )
    assert np.abs(wave - arrays["wave"][0, 0]).max() <= 1e-4 * np.abs(arrays["wave"]).max()


def test_any_layout_and_floating_type_of_the_mel_gives_the_same_wave(voc, mel, f0):
    expected = voc(mel, f0)
    every_other = np.repeat(mel, 2, axis=1)[:, ::2]
    unaligned = np.frombuffer(b"\0" + mel.tobytes(), np.uint8)[1:].view("<f4").reshape(mel.shape)
    for same in (
        np.asfortranarray(mel),
        mel.T.copy().T,
        every_other,
        unaligned,
        mel.astype(np.float64),
        mel.astype(">f4"),
    ):
        np.testing.assert_array_equal(voc(same, f0), expected)
    half = mel.astype(np.float16)
    np.testing.assert_array_equal(voc(half, f0), voc(half.astype(np.float32), f0))
    for kind in (np.float64, ">f4", ">f8"):
        np.testing.assert_array_equal(voc(mel, f0.astype(kind)), expected)
    np.testing.assert_array_equal(
        voc(mel[:, :3], np.array([100, 0, 200])), voc(mel[:, :3], np.array([100.0, 0, 200]))
    )


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


BAD_MELS = {
    "other bands": (
        lambda mel: mel[:9],
        r"\[9, 40\].*'tiny': 10 slaney bands 0-8000 Hz, hop 32 at 24000 Hz",
    ),
    "of a preset": (
        lambda mel: np.zeros((128, 40)),
        r"\[128, 40\].*; 128 bands are those of 'nsf-hifigan-44k': load",
    ),
    "of a preset, transposed": (
        lambda mel: np.zeros((40, 128)),
        r"128 bands are those of 'nsf-hifigan-44k': load",
    ),
    "transposed": (lambda mel: mel.T, r"\[40, 10\].*give its transpose"),
    "one axis": (lambda mel: mel[:, 0], r"\[10\]"),
    "three axes": (lambda mel: mel[None], r"\[1, 10, 40\]"),
    "no frames": (lambda mel: mel[:, :0], "empty"),
    "NaN": (lambda mel: changed(mel, (3, 17), np.nan), "nan in band 3 of frame 17"),
    "infinite": (lambda mel: changed(mel, (9, 39), -np.inf), "-inf in band 9 of frame 39"),
    "beyond float32": (
        lambda mel: changed(mel.astype(np.float64), (0, 5), 1e300),
        "inf in band 0 of frame 5",
    ),
    "integers": (lambda mel: mel.astype(int), "int64: expected floating point"),
    "complex": (lambda mel: mel.astype(complex), "complex128"),
    "objects": (lambda mel: mel.astype(object), "object"),
    "text": (lambda mel: "mel.npy", "<U7"),
}


@pytest.mark.parametrize(("change", "words"), BAD_MELS.values(), ids=BAD_MELS)
def test_a_bad_mel_is_refused_with_the_place_and_what_was_expected(voc, mel, f0, change, words):
    with pytest.raises(ValueError, match=f"mel.*{words}"):
        voc(change(mel), f0)


@pytest.mark.parametrize("shipped", [True, False])
def test_the_advice_for_other_bands_names_a_shipped_model_or_the_flag(voc, monkeypatch, shipped):
    other = FEATURES["hifigan-22k"]
    there = {"some-voice": other} if shipped else {}
    monkeypatch.setattr("wavehax.checks._shipped_mels", lambda: there)
    with pytest.raises(ValueError, match="80 bands are those of ") as caught:
        voc(np.zeros((80, 9)))
    assert ("'some-voice': load that model (--model)" in str(caught.value)) == shipped
    words = "'hifigan-22k'", "no model is shipped: --features names the mel"
    assert all((part in str(caught.value)) != shipped for part in words)


def test_the_advice_tells_definitions_apart_whose_frames_alone_differ_in_place():
    samples = 2560
    assert frame_count(samples, FEATURES["hifigan-22k"]) == samples // 256
    assert frame_count(samples, FEATURES["tacotron2-22k"]) == samples // 256 + 1
    with pytest.raises(ValueError, match="80 bands are those of 'hifigan-22k': load") as caught:
        wavehax.load()(np.zeros((80, 99)))
    said = "or of 'tacotron2-22k' (N // 256 + 1 frames of N samples), "
    assert said in str(caught.value) and len(str(caught.value)) < 290  # a line of the commands
    with pytest.raises(ValueError) as caught:
        wavehax.load()(np.zeros((128, 99)))
    assert "samples" not in str(caught.value)


@pytest.mark.parametrize("bands", [80, 100, 128])
def test_the_advice_names_every_preset_of_as_many_bands(bands):
    voc = wavehax.load("vocos-24k" if bands != 100 else "hifigan-22k")
    with pytest.raises(ValueError, match=r"load that model .*: --features$") as caught:
        voc(np.zeros((bands, 99)))
    same = {name for name, features in FEATURES.items() if features.n_mels == bands}
    assert len(same) > 1 and all(f"'{name}'" in str(caught.value) for name in same)


def test_utterances_of_different_lengths_in_one_argument_are_refused_with_what_takes_them(voc, mel):
    with pytest.raises(
        ValueError, match=r"parts have different shapes .* expected one array; Vocoder\.batch"
    ):
        voc([mel.tolist(), mel[:, :5].tolist()])


def test_every_model_that_is_advised_is_there_and_takes_such_a_mel():
    assert sorted(_shipped_mels()) == shipped_models()
    for name, features in _shipped_mels().items():
        assert wavehax.load(name).features == features


BAD_F0S = {
    "missing": (lambda f0: None, r"--f0.*wavehax\[f0\]"),
    "short": (lambda f0: f0[:-2], "38 frames and mel has 40"),
    "long": (lambda f0: np.append(f0, [0, 0]), "42 frames and mel has 40"),
    "two axes": (lambda f0: f0[None], r"\[1, 40\]: expected \[40\]"),
    "a number": (lambda f0: 220.0, r"\[\]: expected \[40\]"),
    "negative": (lambda f0: changed(f0, 7, -1), "-1.0 in frame 7"),
    "below any pitch": (lambda f0: changed(f0, 7, 0.25), "0.25 in frame 7: expected at least 1 Hz"),
    "below any float32": (
        lambda f0: changed(f0.astype(float), 7, 1e-310),
        "1e-310 in frame 7: expected at least 1 Hz",
    ),
    "NaN": (lambda f0: changed(f0, 39, np.nan), "nan in frame 39"),
    "infinite": (lambda f0: changed(f0, 0, np.inf), "inf in frame 0"),
    "text": (lambda f0: f0.astype(str), "expected numbers in Hz"),
    "booleans": (lambda f0: f0 > 0, "bool: expected numbers in Hz"),
}


@pytest.mark.parametrize(("change", "words"), BAD_F0S.values(), ids=BAD_F0S)
def test_a_bad_f0_is_refused_with_the_place_and_what_was_expected(voc, mel, f0, change, words):
    with pytest.raises(ValueError, match=f"f0.*{words}"):
        voc(mel, change(f0))
    with pytest.raises(ValueError, match=f"f0.*{words}"):
        voc.stream().push(mel, change(f0))


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (np.zeros(1279, "f"), r"\[1279\].*expected floating point \[1280\]"),
        (np.zeros((1, 1280), "f"), r"\[1, 1280\]"),
        (np.zeros(1280, int), "int64"),
        (changed(np.zeros(1280, "f"), 99, np.nan), "nan at sample 99"),
    ],
)
def test_a_bad_prior_is_refused(voc, mel, f0, prior, words):
    with pytest.raises(ValueError, match=f"prior.*{words}"):
        voc(mel, f0, prior=prior)


def test_a_hundred_voices_share_one_vocoder(voc, mel, f0):
    streams = [voc.stream(seed) for seed in range(100)]
    parts = [[] for _ in streams]
    for start in range(0, mel.shape[1], 3):
        for stream, wave in zip(streams, parts, strict=True):
            wave.append(stream.push(mel[:, start : start + 3], f0[start : start + 3]))
    for seed, (stream, wave) in enumerate(zip(streams, parts, strict=True)):
        np.testing.assert_array_equal(
            np.concatenate([*wave, stream.flush()]), voc(mel, f0, seed=seed)
        )


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", None])
def test_a_bad_number_of_threads_is_refused(voc, mel, f0, threads):
    with pytest.raises(ValueError, match="threads="):
        voc(mel, f0, threads=threads)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "1", None])
def test_a_bad_seed_is_refused(voc, mel, f0, seed):
    with pytest.raises(ValueError, match="seed="):
        voc(mel, f0, seed=seed)
    with pytest.raises(ValueError, match="seed="):
        voc.stream(seed)


def test_an_unknown_instruction_set_is_refused_and_the_environment_chooses_for_auto(
    tiny, monkeypatch
):
    with pytest.raises(ValueError, match="isa='sse9'"):
        Vocoder(tiny, isa="sse9")
    monkeypatch.setenv("WAVEHAX_ISA", "portable")
    assert Vocoder(tiny).isa == "portable"
    best = wavehax.available_isas()[0]
    assert Vocoder(tiny, isa=best).isa == best


@pytest.fixture
def predicting(tiny) -> Vocoder:
    return Vocoder(with_f0(tiny))


def test_a_mel_is_enough_for_a_model_that_predicts_f0(predicting, voc, mel):
    assert predicting.predicts_f0 and not voc.predicts_f0
    f0 = predicting.f0(mel)
    assert f0.dtype == np.float32 and f0.shape == (40,) and 0 < (f0 > 0).sum() < 40
    np.testing.assert_array_equal(predicting(mel, seed=3), voc(mel, f0, seed=3))


def test_a_given_f0_replaces_the_predicted_one(predicting, voc, mel, f0):
    np.testing.assert_array_equal(predicting(mel, f0), voc(mel, f0))


def test_a_scale_multiplies_f0_given_or_predicted(predicting, voc, mel, f0):
    flat = flatten_harmonics(mel, f0, voc.features)
    np.testing.assert_array_equal(voc(mel, f0, f0_scale=2), voc(flat, 2 * f0))
    predicted = predicting.f0(mel)
    flat = flatten_harmonics(mel, predicted, voc.features)
    np.testing.assert_array_equal(predicting(mel, f0_scale=2), voc(flat, 2 * predicted))


@pytest.mark.parametrize("chunks", [[40], [1] * 40, [0, 3, 0, 37], [39, 1]])
@pytest.mark.parametrize(
    "scales", [{}, {"f0_scale": 0.7}, {"formant_scale": 1.3}, {"f0_scale": 2, "formant_scale": 0.6}]
)
def test_a_stream_predicts_f0_without_delay_in_the_bits_of_the_whole_utterance(
    predicting, voc, mel, chunks, scales
):
    stream = predicting.stream(5, **scales)
    assert stream.delay == voc.stream().delay
    for _ in range(2):
        ends = np.cumsum([0, *chunks])
        wave = [stream.push(mel[:, a:b]) for a, b in itertools.pairwise(ends)]
        wave.append(stream.flush())
        np.testing.assert_array_equal(np.concatenate(wave), predicting(mel, seed=5, **scales))
        stream.reset()


def test_f0_comes_with_all_frames_of_a_stream_or_with_none(predicting, mel, f0):
    stream = predicting.stream()
    stream.push(mel[:, :10], f0[:10])
    with pytest.raises(ValueError, match="f0 is missing from frame 10 on"):
        stream.push(mel[:, 10:])
    stream.reset()
    stream.push(mel[:, :7])
    with pytest.raises(ValueError, match="f0 is given from frame 7 on"):
        stream.push(mel[:, 7:], f0[7:])
    rest = stream.push(mel[:, 7:])  # a push that was refused left the stream as it was
    assert np.array_equal(
        rest, predicting(mel)[40 * 32 - stream.delay - len(rest) : 40 * 32 - stream.delay]
    )


def test_formants_move_in_the_mel_without_harmonics_and_f0_does_not(voc, mel, f0):
    flat = flatten_harmonics(mel, f0, voc.features)
    for f0_scale in (1, 2):
        moved = move_formants(flat, f0_scale * f0, 1.3, voc.features)
        wave = voc(mel, f0, f0_scale=f0_scale, formant_scale=1.3)
        np.testing.assert_array_equal(wave, voc(moved, f0_scale * f0))


@pytest.mark.parametrize("scale", [0.49, 2.01, np.nan, -1, "1", None])
def test_a_formant_scale_out_of_range_is_refused(voc, mel, f0, scale):
    with pytest.raises(ValueError, match=r"formant_scale=.*: expected a number from 0\.5 to 2"):
        voc(mel, f0, formant_scale=scale)
    with pytest.raises(ValueError, match="formant_scale="):
        voc.stream(formant_scale=scale)


@pytest.mark.parametrize("scale", [0, -1, np.nan, np.inf, "2", None])
def test_a_bad_scale_is_refused(voc, mel, f0, scale):
    with pytest.raises(ValueError, match="f0_scale="):
        voc(mel, f0, f0_scale=scale)
    with pytest.raises(ValueError, match="f0_scale="):
        voc.stream(f0_scale=scale)


@pytest.mark.parametrize("scale", [1e-3, 1e37])
def test_a_scale_that_leaves_no_pitch_is_refused_before_anything_is_predicted(
    predicting, mel, scale
):
    with pytest.raises(
        ValueError, match=r"f0_scale=.*out of range for the F0 of this model, 80 to"
    ):
        predicting(mel, f0_scale=scale)
    with pytest.raises(ValueError, match="f0_scale="):
        predicting.stream(f0_scale=scale).push(mel)


def test_a_predictor_of_one_bin_predicts_its_pitch(tiny, mel):
    model = with_f0(tiny)
    config = F0Config(channels=4, num_blocks=1, num_bins=1, f0_min=80.0)
    model.f0 = F0Model(config, random_f0_weights(config, 10, 1))
    f0 = Vocoder(model).f0(mel)
    assert set(f0) <= {0, 80} and len(f0) == 40


def test_f0_of_a_model_that_does_not_predict_it_is_refused(voc, mel):
    with pytest.raises(ValueError, match="does not estimate it from the mel"):
        voc.f0(mel)


@pytest.mark.parametrize("chunks", [[40], [1] * 40, [0, 3, 0, 37], [39, 1]])
def test_a_stream_gives_the_bits_of_the_whole_utterance_with_its_delay(voc, mel, f0, chunks):
    stream, wave, done = voc.stream(seed=5), [], 0
    for count in chunks:
        wave.append(stream.push(mel[:, done : done + count], f0[done : done + count]))
        done += count
        assert sum(map(len, wave)) == max(0, done * voc.hop_length - stream.delay)
    wave.append(stream.flush())
    np.testing.assert_array_equal(np.concatenate(wave), voc(mel, f0, seed=5))


def test_a_flushed_stream_takes_nothing_until_it_is_reset(voc, mel, f0):
    stream = voc.stream(seed=1)
    first = np.concatenate([stream.push(mel, f0), stream.flush()])
    for call in (lambda: stream.push(mel, f0), stream.flush):
        with pytest.raises(RuntimeError, match=r"call reset\(\)"):
            call()
    stream.reset()
    np.testing.assert_array_equal(np.concatenate([stream.push(mel, f0), stream.flush()]), first)
    stream.reset(seed=2)
    np.testing.assert_array_equal(
        np.concatenate([stream.push(mel, f0), stream.flush()]), voc(mel, f0, seed=2)
    )
    stream.reset()
    np.testing.assert_array_equal(
        np.concatenate([stream.push(mel, f0), stream.flush()]), voc(mel, f0, seed=2)
    )


def test_refused_frames_leave_a_stream_as_it_was(voc, mel, f0):
    stream = voc.stream()
    wave = [stream.push(mel[:, :7], f0[:7])]
    for bad_mel, bad_f0 in (
        (mel[:9], f0),
        (changed(mel, (0, 0), np.nan), f0),
        (mel, f0[:3]),
        (mel, -f0),
    ):
        with pytest.raises(ValueError):
            stream.push(bad_mel, bad_f0)
    wave += [stream.push(mel[:, 7:], f0[7:]), stream.flush()]
    np.testing.assert_array_equal(np.concatenate(wave), voc(mel, f0))


def test_one_stream_in_two_threads_at_once_is_refused_and_goes_on(voc):
    frames = 20_000
    mel, f0 = np.zeros((10, frames), np.float32), np.full(frames, 100, np.float32)
    stream = voc.stream()

    def push_until_alone() -> None:
        with contextlib.suppress(RuntimeError):  # this thread may be the one that comes second
            return stream.push(mel, f0)
        return push_until_alone()

    thread = threading.Thread(target=push_until_alone)
    thread.start()
    with pytest.raises(RuntimeError, match="in use by another thread"):
        while thread.is_alive():
            stream.push(mel[:, :0], f0[:0])
    thread.join()
    assert len(stream.flush()) == stream.delay


def test_streams_of_one_vocoder_in_many_threads_do_not_disturb_each_other(voc, mel, f0):
    waves: dict[int, np.ndarray] = {}

    def speak(seed):
        stream = voc.stream(seed)
        chunks = [stream.push(mel[:, i : i + 1], f0[i : i + 1]) for i in range(40)]
        waves[seed] = np.concatenate([*chunks, stream.flush()])

    threads = [threading.Thread(target=speak, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(8):
        np.testing.assert_array_equal(waves[seed], voc(mel, f0, seed=seed))


def test_a_model_that_needs_the_whole_utterance_refuses_to_stream_and_says_why(utterance, mel, f0):
    voc = Vocoder(utterance)
    assert len(voc(mel, f0)) == 40 * 32
    with pytest.raises(ValueError, match=r"whole utterance.*norm 'frame' or 'batch'"):
        voc.stream()


def test_checks_of_a_long_mel_allocate_little():
    voc = Vocoder(tiny_model("tiny_wavehax_frame"))
    mel = np.zeros((10, 200_000), np.float32)  # 8 MB
    tracemalloc.start()
    try:
        checked_mel(mel, voc.features)
        checked_mel(np.asfortranarray(mel[:, :100_000]), voc.features)
        # 4 MB of it are the test's own Fortran copy
        assert tracemalloc.get_traced_memory()[1] < 4.5e6
    finally:
        tracemalloc.stop()


def test_the_default_model_speaks_and_streams():
    voc = wavehax.load()
    assert model_path().is_file()
    frames = 30
    mel = np.full((voc.features.n_mels, frames), -4, np.float32)
    f0 = np.full(frames, 120, np.float32)
    wave = voc(mel, f0)
    assert np.isfinite(wave).all() and wave.std() > 1e-4
    stream = voc.stream()
    np.testing.assert_array_equal(np.concatenate([stream.push(mel, f0), stream.flush()]), wave)
    assert stream.delay <= 0.050 * voc.sample_rate


@pytest.mark.slow
def test_memory_beyond_input_and_output_does_not_grow_with_length(model_file, tmp_path):
    def peak(frames: int) -> float:
        """Bytes at the highest point of a process that vocodes so many frames."""
        code = (
            "import resource, numpy, wavehax\n"
            f"voc = wavehax.load({str(model_file)!r})\n"
            f"wave = voc(numpy.zeros((10, {frames}), 'f'), numpy.full({frames}, 100, 'f'))\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
        )
        return float(run_python(code, tmp_path).stdout)

    pytest.importorskip("resource", reason="the peak is not to be had here")
    frames = 337_500  # an hour at hop 256 and 24 kHz
    assert peak(frames) - peak(10) - 4 * frames * (10 + 1 + 32) < 64e6


def test_the_prior_of_f0_is_the_sum_of_its_harmonics_and_is_taken_in_its_place(tiny):
    voc = Vocoder(tiny)
    f0 = np.array([0, 700, 700, 0], np.float32)
    rate, hop = voc.sample_rate, voc.hop_length
    cycles = np.cumsum(np.repeat(f0.astype(np.float64), hop)) / rate
    count = int(rate / 2 // 700)
    expected = (
        0.1
        * np.sqrt(2 * 700 / (rate / 2))
        * sum(np.sin(2 * np.pi * k * cycles) for k in range(1, count + 1))
    )
    np.testing.assert_allclose(
        voc.prior(f0), np.where(np.repeat(f0, hop) > 0, expected, 0), atol=1e-5
    )
    mel = np.zeros((10, 4), np.float32)
    assert np.isfinite(voc(mel, f0, prior=voc.prior(f0))).all()
    with pytest.raises(ValueError, match="f0 is -1"):
        voc.prior(np.array([-1.0]))


@pytest.mark.parametrize(("f0", "shape"), [(220.0, r"\[\]"), (np.full((2, 3), 220.0), r"\[2, 3\]")])
def test_the_prior_of_what_is_no_contour_is_refused(voc, f0, shape):
    with pytest.raises(
        ValueError, match=rf"^f0 has shape {shape}: expected \[T\], one value in Hz for each frame$"
    ):
        voc.prior(f0)
