"""The streaming contract: any chunking gives the samples of the whole utterance, bit for bit."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_models import generator_configs, make_engine, random_features, random_weights

import wavehax
from wavehax.config import GeneratorConfig

relaxed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def stream_in_chunks(
    stream, mel: np.ndarray, f0: np.ndarray, chunks: list[int], hop: int
) -> np.ndarray:
    """Push `chunks` frames at a time, flush, and return all samples.

    Checks that each push returned as many samples as `delay` says."""
    parts, frames = [], 0
    for n in chunks:
        parts.append(stream.push(mel[:, frames : frames + n], f0[frames : frames + n]))
        frames += n
        assert sum(map(len, parts)) == max(0, frames * hop - stream.delay)
    assert frames == len(f0)
    parts.append(stream.flush())
    return np.concatenate(parts)


@st.composite
def chunkings(draw: st.DrawFn) -> list[int]:
    return draw(st.lists(st.one_of(st.integers(0, 3), st.integers(0, 40)), max_size=12))


@relaxed
@given(
    config=generator_configs(streamable=True), chunks=chunkings(), seed=st.integers(0, 2**64 - 1)
)
def test_streaming_equals_whole_for_any_config_and_chunking(
    isa: str, config: GeneratorConfig, chunks: list[int], seed: int
) -> None:
    weights = random_weights(config, seed)
    mel, f0 = random_features(config, sum(chunks), seed)
    engine = make_engine(config, weights, isa)
    streamed = stream_in_chunks(engine.stream(seed), mel, f0, chunks, config.hop_length)
    assert np.array_equal(streamed, engine.vocode(mel, f0, seed))
    assert len(streamed) == len(f0) * config.hop_length


@relaxed
@given(
    config=generator_configs(),
    frames=st.integers(1, 500),
    threads=st.integers(2, 9),
    seed=st.integers(0, 2**64 - 1),
)
@pytest.mark.slow
def test_any_number_of_threads_gives_the_samples_of_one(
    isa: str, config: GeneratorConfig, frames: int, threads: int, seed: int
) -> None:
    mel, f0 = random_features(config, frames, seed)
    engine = make_engine(config, random_weights(config, seed), isa)
    assert np.array_equal(
        engine.vocode(mel, f0, seed, threads=threads), engine.vocode(mel, f0, seed)
    )
    prior = np.random.default_rng(0).standard_normal(len(engine.prior(f0, seed)), np.float32)
    expected = engine.vocode(mel, f0, seed, prior)
    assert np.array_equal(engine.vocode(mel, f0, seed, prior, threads), expected)


DEFAULT_SHAPE = GeneratorConfig(
    n_mels=20, channels=16, mult_channels=3, kernel_size=(13, 7), num_blocks=4, n_fft=64,
    hop_length=32, norm="batch", time_padding="causal", lookahead=2, output="excitation",
)  # fmt: skip


def test_reset_gives_a_fresh_voice(isa: str) -> None:
    engine = make_engine(DEFAULT_SHAPE, random_weights(DEFAULT_SHAPE, 0), isa)
    mel, f0 = random_features(DEFAULT_SHAPE, 50, 0)
    stream = engine.stream(3)
    stream.push(mel[:, :17], f0[:17])
    stream.reset(5)
    assert np.array_equal(
        stream_in_chunks(stream, mel, f0, [20, 30], 32), engine.vocode(mel, f0, 5)
    )
    stream.reset(3)
    assert np.array_equal(
        stream_in_chunks(stream, mel, f0, [1] * 50, 32), engine.vocode(mel, f0, 3)
    )


def test_two_streams_of_one_engine_in_two_threads_do_not_disturb_each_other(isa: str) -> None:
    engine = make_engine(DEFAULT_SHAPE, random_weights(DEFAULT_SHAPE, 0), isa)
    inputs = [random_features(DEFAULT_SHAPE, 400, seed) for seed in (1, 2)]
    expected = [engine.vocode(mel, f0, seed) for seed, (mel, f0) in enumerate(inputs)]
    results: list[np.ndarray | None] = [None, None]

    def run(voice: int) -> None:
        mel, f0 = inputs[voice]
        results[voice] = stream_in_chunks(engine.stream(voice), mel, f0, [1] * 400, 32)

    threads = [threading.Thread(target=run, args=(voice,)) for voice in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(a, b) for a, b in zip(results, expected, strict=True))


def test_causal_output_never_depends_on_frames_beyond_the_delay(isa: str) -> None:
    engine = make_engine(DEFAULT_SHAPE, random_weights(DEFAULT_SHAPE, 0), isa)
    mel, f0 = random_features(DEFAULT_SHAPE, 60, 0)
    known = 30 * 32 - engine.stream(0).delay
    changed_mel, changed_f0 = mel.copy(), f0.copy()
    changed_mel[:, 30:] += 1.0
    changed_f0[30:] += 100.0
    a, b = engine.vocode(mel, f0, 0), engine.vocode(changed_mel, changed_f0, 0)
    assert np.array_equal(a[:known], b[:known])
    assert not np.array_equal(a[known : known + 32], b[known : known + 32])


NARROW = {"hop_length": 2, "n_fft": 4, "num_blocks": 1, "norm": "batch", "mult_channels": 1}


@pytest.mark.parametrize("precision", ["fp32", "mixed"])
@pytest.mark.parametrize(
    "config",
    [
        # With a kernel of 3001 frames a stream must keep a long stretch of the mel.
        GeneratorConfig(n_mels=1024, channels=1, kernel_size=(1, 3001), **NARROW),
        # Three bins fill matrix tiles badly.
        GeneratorConfig(n_mels=1, channels=512, kernel_size=(1, 101), **NARROW),
        GeneratorConfig(n_mels=512, channels=1, kernel_size=(1, 1), **NARROW | {"n_fft": 1024}),
    ],
    ids=["mel", "tiles", "window"],
)
def test_a_voice_keeps_no_more_than_what_is_checked_against_the_limit(
    isa: str, precision: str, config: GeneratorConfig
) -> None:
    if precision not in wavehax.available_precisions(isa):
        pytest.skip(f"{isa} has no {precision}")
    stream = make_engine(config, random_weights(config, 0), isa, precision).stream(0)
    # 200 kB are room for the scratch of transforms and layers.
    assert stream.memory <= 4 * config.voice_values + 200_000


def test_a_norm_over_the_utterance_refuses_to_stream() -> None:
    config = GeneratorConfig(
        n_mels=4, channels=4, n_fft=16, hop_length=8, kernel_size=3, num_blocks=1
    )
    engine = make_engine(config, random_weights(config, 0), "auto")
    assert not engine.streamable
    with pytest.raises(ValueError, match="utterance"):
        engine.stream(0)


def test_any_strides_of_the_mel_give_the_same_samples(isa: str) -> None:
    engine = make_engine(DEFAULT_SHAPE, random_weights(DEFAULT_SHAPE, 0), isa)
    mel, f0 = random_features(DEFAULT_SHAPE, 40, 0)
    expected = engine.vocode(mel, f0, 0)
    assert np.array_equal(engine.vocode(np.asfortranarray(mel), f0, 0), expected)
    assert np.array_equal(engine.vocode(mel[::-1].copy()[::-1], f0, 0), expected)
    assert np.array_equal(engine.vocode(np.repeat(mel, 2, axis=1)[:, ::2], f0, 0), expected)
