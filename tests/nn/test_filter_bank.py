from __future__ import annotations

import numpy as np
import pytest
import torch

from wavehax.config import GeneratorConfig
from wavehax.nn.filter_bank import FILTER_BANKS

STREAMS = 4


def bank(kind: str, time_padding: str = "reflect", num_streams: int = STREAMS) -> torch.nn.Module:
    torch.manual_seed(0)
    return FILTER_BANKS[kind](
        GeneratorConfig(num_streams=num_streams, stream_filter=kind, time_padding=time_padding)
    )


def noise(length: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(length)


def as_wave(wave: np.ndarray) -> torch.Tensor:
    return torch.tensor(wave, dtype=torch.float32)[None, None]


def padded(wave: np.ndarray, time_padding: str) -> np.ndarray:
    return np.pad(wave, 31, mode="constant" if time_padding == "causal" else "reflect")


@pytest.mark.parametrize("time_padding", ["reflect", "causal"])
@pytest.mark.parametrize("length", [4, 8, 60, 400])
def test_learned_analysis_equals_a_direct_sum(time_padding, length):
    filters, wave = bank("learned", time_padding), noise(length)
    streams = filters.analyse(as_wave(wave))[0].detach()
    windows = np.lib.stride_tricks.sliding_window_view(padded(wave, time_padding), 63)[::STREAMS]
    np.testing.assert_allclose(
        streams, filters.analysis.weight[:, 0].detach().double().numpy() @ windows.T, atol=1e-5
    )


@pytest.mark.parametrize("time_padding", ["reflect", "causal"])
@pytest.mark.parametrize("length", [1, 2, 15, 100])
def test_learned_synthesis_equals_a_direct_sum(time_padding, length):
    filters, streams = (
        bank("learned", time_padding),
        noise(STREAMS * length).reshape(STREAMS, length),
    )
    wave = filters.synthesise(torch.tensor(streams, dtype=torch.float32)[None])[0, 0].detach()
    expected = np.zeros(STREAMS * length)
    weights = filters.synthesis.weight[0].detach().double().numpy()
    for s in range(STREAMS):
        upsampled = np.zeros(STREAMS * length)
        upsampled[::STREAMS] = STREAMS * streams[s]
        expected += np.correlate(padded(upsampled, time_padding), weights[s], mode="valid")
    np.testing.assert_allclose(wave, expected, atol=1e-5)


@pytest.mark.parametrize("length", [4, 60, 64, 400])
def test_pqmf_analysis_filters_without_padding_then_pads(length):
    filters, wave = bank("pqmf"), noise(length)
    full = np.zeros((STREAMS, length))
    if length >= 63:
        for s, weight in enumerate(filters.analysis.weight[:, 0].double().numpy()):
            full[s, 31:-31] = np.correlate(wave, weight, mode="valid")
    np.testing.assert_allclose(filters.analyse(as_wave(wave))[0], full[:, ::STREAMS], atol=1e-5)


@pytest.mark.parametrize("time_padding", ["reflect", "causal"])
def test_pqmf_reconstructs_the_inside_of_a_wave_nearly(time_padding):
    filters, wave = bank("pqmf", time_padding), noise(4000)
    again = filters.synthesise(filters.analyse(as_wave(wave)))[0, 0].numpy()
    error = (again - wave)[100:-100]
    assert np.sqrt(np.mean(error**2)) < 1e-2  # of a unit-power wave


def test_pqmf_prototype_is_the_window_design_of_scipy():
    signal = pytest.importorskip("scipy.signal")
    prototype = signal.firwin(63, 0.142, window=("kaiser", 9.0), scale=False)
    k, offset = np.arange(STREAMS)[:, None], np.arange(63) - 31
    carrier, turn = (2 * k + 1) * np.pi / 8 * offset, (-1.0) ** k * np.pi / 4
    filters = bank("pqmf")
    np.testing.assert_allclose(
        filters.analysis.weight[:, 0], 2 * prototype * np.cos(carrier + turn), atol=1e-7
    )
    np.testing.assert_allclose(
        filters.synthesis.weight[0], 2 * prototype * np.cos(carrier - turn), atol=1e-7
    )


@pytest.mark.parametrize("num_streams", [2, 4, 8])
def test_haar_packet_reconstructs_exactly_and_keeps_the_energy(num_streams):
    filters, wave = bank("dwt", num_streams=num_streams), noise(num_streams * 50)
    streams = filters.analyse(as_wave(wave))
    np.testing.assert_allclose(filters.synthesise(streams)[0, 0], wave, atol=1e-6)
    assert float(streams.square().sum()) == pytest.approx(np.sum(wave**2), rel=1e-6)


@pytest.mark.parametrize("num_streams", [2, 4, 8])
def test_haar_packet_equals_repeated_splitting_into_low_and_high(num_streams):
    wave = noise(num_streams * 50)
    bands = [wave]
    while len(bands) < num_streams:
        bands = [(band[::2] + sign * band[1::2]) / np.sqrt(2) for band in bands for sign in (1, -1)]
    np.testing.assert_allclose(
        bank("dwt", num_streams=num_streams).analyse(as_wave(wave))[0], bands, atol=1e-6
    )
