"""Batches: every utterance of a list or of a padded array is that of its single call."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_models import with_f0

from wavehax.vocoder import Vocoder

LENGTHS = [7, 40, 1, 23]


@pytest.fixture
def voc(tiny) -> Vocoder:
    return Vocoder(with_f0(tiny))


@pytest.fixture
def mels(mel) -> list[np.ndarray]:
    """Mels that all differ; mel i has `LENGTHS[i]` frames."""
    return [np.roll(mel, i, axis=0)[:, :length] for i, length in enumerate(LENGTHS)]


@pytest.fixture
def f0s(f0) -> list[np.ndarray]:
    return [f0[:length] + i for i, length in enumerate(LENGTHS)]


def same(waves, expected) -> None:
    for wave, other in zip(waves, expected, strict=True):
        assert wave.dtype == np.float32
        np.testing.assert_array_equal(wave, other)


@pytest.mark.parametrize("threads", [1, 2, 9])
@pytest.mark.parametrize("options", [{}, {"seed": 5}, {"f0_scale": 1.5}], ids=str)
def test_each_utterance_of_a_list_is_bit_for_bit_that_of_its_single_call(
    voc, mels, f0s, options, threads
):
    waves = voc.batch(mels, f0s, threads=threads, **options)
    same(waves, [voc(mel, f0, **options) for mel, f0 in zip(mels, f0s, strict=True)])
    predicted = voc.batch(iter(mels), threads=threads, **options)
    same(predicted, [voc(mel, **options) for mel in mels])
    assert not np.array_equal(predicted[1], waves[1])
    same(voc.batch(mels[:2], [f0s[0], None], **options), [waves[0], predicted[1]])


def test_a_model_that_needs_whole_utterances_takes_batches_too(utterance, mels, f0s):
    voc = Vocoder(utterance)
    expected = [voc(mel, f0) for mel, f0 in zip(mels, f0s, strict=True)]
    same(voc.batch(mels, f0s, threads=9), expected)


def test_the_samples_of_an_utterance_do_not_depend_on_its_place(voc, mels):
    waves = voc.batch(mels, seed=3)
    same(voc.batch(mels[::-1], seed=3), waves[::-1])
    assert voc.batch([]) == []


@pytest.mark.parametrize("threads", [1, 3])
def test_a_padded_array_gives_the_same_samples_and_zeros_behind_them(voc, mels, f0s, threads):
    padded = np.full((4, 10, 44), np.nan, np.float32)  # what lies behind is not read
    contours = np.full((4, 44), np.nan)
    for i, length in enumerate(LENGTHS):
        padded[i, :, :length], contours[i, :length] = mels[i], f0s[i]
    for given, expected in ((contours, voc.batch(mels, f0s)), (None, voc.batch(mels))):
        waves = voc(padded, given, lengths=LENGTHS, threads=threads)
        assert waves.shape == (4, 44 * 32) and waves.dtype == np.float32
        same([wave[: 32 * length] for wave, length in zip(waves, LENGTHS, strict=True)], expected)
        for wave, length in zip(waves, LENGTHS, strict=True):
            assert not wave[32 * length :].any()


def test_an_array_of_utterances_without_lengths_is_whole(voc, mel, f0):
    same(voc(np.stack([mel, -mel]), np.stack([f0, f0])), [voc(mel, f0), voc(-mel, f0)])
    same(voc(mel[None]), [voc(mel)])


@pytest.mark.parametrize("change", ["more", "less"])
def test_one_frame_of_f0_more_or_less_is_taken_as_in_a_single_call(voc, mel, f0, change):
    mels, f0s = np.stack([mel, -mel]), np.stack([f0, 1.1 * f0])
    given = np.pad(f0s, ((0, 0), (0, 1))) if change == "more" else f0s[:, :-1]
    with pytest.warns(UserWarning, match=f"f0 has one frame {change} than mel") as record:
        waves = voc(mels, given)
        expected = [voc(*one) for one in zip(mels, given, strict=True)]
    same(waves, expected)
    assert len(record) == 3  # one of the array
    shorter = voc(mels[..., :33], f0s[:, :33], lengths=[33, 20])
    with pytest.warns(UserWarning, match=f"f0 has one frame {change} than mel"):
        same(voc(mels, given, lengths=[33, 20])[:, : 33 * 32], shorter)
    with pytest.raises(ValueError, match=r"f0 has shape \[2, 42\]"):
        voc(mels, np.pad(f0s, ((0, 0), (0, 2))))


def test_threads_work_on_several_utterances_at_once(voc, mels, f0s):
    both = threading.Barrier(2, timeout=20)  # broken unless two are inside at the same time

    def vocode(mel, f0, seed, prior, threads):
        both.wait()
        return np.zeros(mel.shape[1], np.float32)

    voc._engine = SimpleNamespace(vocode=vocode)
    assert [len(wave) for wave in voc.batch(mels, f0s, threads=2)] == LENGTHS


def test_more_threads_than_utterances_share_them(voc, mels, f0s):
    shares = []
    voc._engine = SimpleNamespace(vocode=lambda *inputs: shares.append(inputs[-1]))
    voc.batch(mels, f0s, threads=9)
    voc.batch(mels, f0s, threads=3)
    assert shares == [2] * 4 + [1] * 4


def test_an_error_names_the_utterance_before_any_is_synthesised(voc, mels, f0s):
    made = []
    voc._engine = SimpleNamespace(vocode=lambda *inputs: made.append(inputs))
    bad = mels[3].copy()
    bad[2, 5] = np.nan
    for change, words in (
        (lambda: voc.batch([*mels[:3], bad]), "utterance 3: mel is nan in band 2 of frame 5"),
        (lambda: voc.batch([mels[0], mels[1].T]), "utterance 1: mel has shape .*its transpose"),
        (lambda: voc.batch(mels[0]), r"utterance 0: mel has shape \[7\]"),
        (lambda: voc.batch(mels, f0s[::-1]), "utterance 0: f0 has 23 frames and mel has 7"),
        (lambda: voc.batch(mels, f0s[:2]), "f0s has 2 utterances and mels has 4"),
        (lambda: voc.batch(mels, threads=0), "threads=0"),
        (lambda: voc.batch([], seed=-1), "seed=-1"),
        (lambda: voc.batch([], f0_scale=0), "f0_scale=0"),
        (lambda: voc(np.stack([mels[3], bad])), "utterance 1: mel is nan"),
    ):
        with pytest.raises(ValueError, match=words):
            change()
    assert made == []


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ([40, 41], r"lengths\[1\] is 41: expected 1 to 40"),
        ([0, 40], r"lengths\[0\] is 0: expected 1 to 40"),
        ([40], r"lengths is int64 \[1\]: expected integers \[2\]"),
        ([40.0, 40.0], r"lengths is float64 \[2\]: expected integers \[2\]"),
        (40, r"lengths is int64 \[\]"),
    ],
)
def test_lengths_that_do_not_fit_are_refused_by_index(voc, mel, lengths, words):
    with pytest.raises(ValueError, match=words):
        voc(np.stack([mel, mel]), lengths=lengths)


def test_what_belongs_to_one_utterance_or_to_several_is_refused_with_the_other(voc, mel, f0):
    both = np.stack([mel, mel])
    for call, words in (
        (lambda: voc(both, f0), r"f0 has shape \[40\] and mel has .*: expected f0 \[2, 40\]"),
        (lambda: voc(mel, f0, lengths=[40]), r"lengths is given and mel has shape \[10, 40\]"),
        (lambda: voc(both, prior=np.zeros(1280)), "give the 2 utterances of its first axis one"),
        (lambda: voc.stream().push(both), "give the 2 utterances of its first axis one by one"),
        (lambda: voc.stream().push(mel[None]), r"its first axis has length 1, give mel\[0\]"),
        (lambda: voc.f0(mel[None]), r"its first axis has length 1, give mel\[0\]"),
        (lambda: voc(both[None]), r"mel has shape \[1, 2, 10, 40\]: expected \[10, T\]"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


class OnDevice:
    """Stands for a tensor on another device that needs a gradient: an array only after `detach`
    and `cpu`."""

    def __init__(self, values: np.ndarray, steps: tuple[str, ...] = ()) -> None:
        self.values, self.steps, self.dtype = values, steps, values.dtype

    def detach(self) -> OnDevice:
        return OnDevice(self.values, (*self.steps, "detach"))

    def cpu(self) -> OnDevice:
        return OnDevice(self.values, (*self.steps, "cpu"))

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        if self.steps != ("detach", "cpu"):
            raise TypeError("not on the CPU, or with a gradient")
        return self.values


def test_tensors_of_any_device_are_taken(voc, mel, f0):
    given = OnDevice(mel), OnDevice(f0)
    expected = voc(mel, f0)
    same([voc(*given), *voc.batch(given[:1], given[1:])], [expected] * 2)
    same(voc(OnDevice(mel[None]), lengths=OnDevice(np.array([40]))), [voc(mel)])
    same([voc(*given, f0_scale=1.25)], [voc(mel, f0, f0_scale=1.25)])
    stream = voc.stream()
    same([np.concatenate([stream.push(*given), stream.flush()])], [expected])


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
def test_tensors_of_pytorch_are_taken_in_every_floating_type(voc, mel, f0, kind):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    tensor = torch.from_numpy(mel).to(getattr(torch, kind))
    expected = voc(tensor.float().numpy(), f0)
    same([voc(tensor.clone().requires_grad_(), torch.from_numpy(f0))], [expected])
    same(voc.batch([tensor], [torch.from_numpy(f0)]), [expected])
    same(voc(tensor[None], lengths=torch.tensor([40])), [voc(tensor.float().numpy())])
