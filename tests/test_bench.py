from __future__ import annotations

import json
import math

import pytest

import wavehax
from wavehax.bench import cases as bench
from wavehax.config import GENERATORS, parameter_shapes


def test_every_case_is_timed_and_compared_with_the_first_of_its_model(
    command, model_file, tmp_path
):
    result = tmp_path / "speed.json"
    options = [
        "--seconds",
        0.1,
        "--repeats",
        3,
        "--stream",
        1,
        8,
        "--isa",
        "portable",
        "--threads",
        1,
        2,
        "--json",
        result,
    ]
    code, out, err = command("bench", model_file, *options)
    assert (code, err) == (0, "")
    measured = json.loads(result.read_text())
    rows = measured["rows"]
    assert [row["what"] for row in rows] == 2 * ["whole", "whole", "stream 1", "stream 8"]
    assert [row["threads"] for row in rows] == 2 * [1, 2, 1, 1]
    assert [row["precision"] for row in rows] == 4 * ["fp32"] + 4 * ["bf16"]
    assert {row["isa"] for row in rows} == {"portable"}
    for row in rows:
        rtf = row["rtf"]
        assert 0 < rtf["min"] <= rtf["median"] <= rtf["max"]
        assert 0 < row["peak_share"] < 1 and row["gflops"] > 0
        if row["what"].startswith("stream"):
            assert 0 < row["push_ms"]["p50"] <= row["push_ms"]["p99"] <= row["push_ms"]["p99.9"]
    assert rows[0]["ratio"] == 1
    for row, line in zip(rows, out.splitlines()[2:], strict=False):
        assert f"{row['ratio']:.2f}x" in line
    for profile in measured["stages"]:
        assert math.isclose(sum(profile["shares"].values()), 1) and "blocks" in profile["shares"]


def test_cases_are_compared_round_by_round_though_the_machine_gets_faster(monkeypatch):
    now, runs = 0.0, 0

    def work(amount: float) -> None:
        nonlocal now, runs
        # a round to warm up, one at the same speed, and a faster one
        now += amount / (1, 1, 4)[runs // 2]
        runs += 1

    monkeypatch.setattr(bench.time, "process_time", lambda: now)
    monkeypatch.setattr(bench, "_peak", lambda isa: (1.0, 1.0, 4.0)[runs // 2])
    common = {"seconds": 2.0, "isa": "any", "operations": 4.0}
    cases = [
        bench.Case("m", str(amount), run=lambda a=amount: work(a), **common) for amount in (8, 24)
    ]
    one, three = bench.measure(cases, repeats=2)
    assert (one["peak_share"], three["peak_share"]) == (4 / 8, 4 / 24)
    assert (one["rtf"], one["ratio"]) == ({"median": 2.5, "min": 1.0, "max": 4.0}, 1)
    assert (three["rtf"], three["ratio"]) == ({"median": 7.5, "min": 3.0, "max": 12.0}, 3)


def test_voices_are_timed_by_the_length_of_them_all(command, model_file):
    options = [
        "--seconds",
        0.1,
        "--repeats",
        1,
        "--stream",
        "--precision",
        "fp32",
        "--isa",
        "portable",
        "--voices",
        2,
    ]
    code, out, err = command("bench", model_file, *options)
    assert (code, err) == (0, "")
    assert "voices 2" in out
    whole, *_, both = bench.model_cases("m", wavehax.load(model_file), [], [1], 0.1, [2])
    assert (both.seconds, both.operations) == (2 * whole.seconds, 2 * whole.operations)


def test_operations_are_twice_the_multiply_adds_of_every_weight(tiny):
    """Counted from the weights: one in a projection is used once a frame, one in a block once a
    bin."""
    config = tiny.generator
    assert config.num_streams == 1
    sizes = {
        name: value.size
        for name, value in tiny.weights.items()
        if name.endswith("weight") and "norm" not in name
    }
    once = sum(size for name, size in sizes.items() if name.startswith(("cond_proj", "env_proj")))
    twice = sizes["prior_proj.weight"]  # real and imaginary part
    rest = sum(
        size
        for name, size in sizes.items()
        if not name.startswith(("cond_proj", "env_proj", "prior_proj"))
    )
    assert bench.operations_per_frame(config) == 2 * (once + 2 * twice + config.num_bins * rest)


def test_peers_synthesise_the_same_length(tiny):
    pytest.importorskip("torch")
    from wavehax.bench import peers as bench_peers

    engine = bench.model_cases("tiny", wavehax.Vocoder(tiny), [], [1], 0.2)
    peers = bench_peers.model_peers("tiny", tiny, 0.2)
    assert (
        [peer.seconds for peer in peers]
        == [engine[0].seconds] * len(peers)
        == [150 * 32 / 24000] * len(peers)
    )
    for peer in peers:
        peer.run()


def test_peers_that_are_not_installed_are_left_out(tiny, monkeypatch):
    pytest.importorskip("torch")
    from wavehax.bench import peers as bench_peers

    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert [peer.what for peer in bench_peers.model_peers("tiny", tiny, 0.2)] == ["PyTorch"]


@pytest.mark.parametrize("name", GENERATORS)
def test_published_shapes_have_exactly_their_weights(name):
    model = bench.named_model(name)
    assert {key: value.shape for key, value in model.weights.items()} == parameter_shapes(
        model.generator
    )
    wavehax.Vocoder(model)
