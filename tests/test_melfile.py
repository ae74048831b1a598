from __future__ import annotations

import pickle
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from wavehax.mel.files import SUFFIXES, read_f0, read_mel, read_stats

BANDS = 10


def write_h5(path, **arrays):
    h5py = pytest.importorskip("h5py", reason="the extra [dev] brings h5py")
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file[name] = value


def write_pt(path, content):
    torch = pytest.importorskip("torch", reason="the extra [train] brings torch")
    as_tensors = (
        {name: torch.from_numpy(value) for name, value in content.items()}
        if isinstance(content, dict)
        else None
    )
    torch.save(torch.from_numpy(content) if as_tensors is None else as_tensors, path)


@pytest.mark.parametrize(
    "layout", [lambda mel: mel, lambda mel: mel.T, lambda mel: mel[None], lambda mel: mel.T[None]]
)
def test_every_type_takes_either_orientation_and_a_batch_of_one(tmp_path, mel, f0, layout):
    given = layout(mel)
    np.save(tmp_path / "a.npy", given)
    np.savez(tmp_path / "a.npz", mel=given, f0=f0)
    write_h5(tmp_path / "a.h5", mel=given, f0=f0[:, None])
    write_pt(tmp_path / "a.pt", given)
    write_pt(tmp_path / "b.pt", {"mel": given, "f0": f0[None, None]})
    for name in ("a.npy", "a.npz", "a.h5", "a.pt", "b.pt"):
        read, read_pitch = read_mel(tmp_path / name, BANDS)
        np.testing.assert_array_equal(read, mel, strict=True)
        if name in ("a.npy", "a.pt"):
            assert read_pitch is None
        else:
            np.testing.assert_array_equal(read_pitch, f0, strict=True)


@pytest.mark.parametrize("name", ["F0", "pitch", "f0_hz", "lf0"])
def test_f0_by_another_name_is_named_where_f0_is_wanted_and_missing(tmp_path, mel, f0, name):
    def files(**arrays):
        np.savez(tmp_path / "a.npz", mel=mel, energy=f0, **arrays)
        write_h5(tmp_path / f"{len(arrays)}.h5", mel=mel.T, energy=f0, **arrays)
        write_pt(tmp_path / "a.pt", {"mel": mel, "energy": f0, **arrays})
        return [tmp_path / it for it in ("a.npz", f"{len(arrays)}.h5", "a.pt")]

    for path in files(**{name: f0}):
        with pytest.warns(UserWarning, match=f"has no array 'f0'; '{name}' is not read as F0"):
            assert read_mel(path, BANDS)[1] is None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert read_mel(path, BANDS, wants_f0=False)[1] is None
    for path in files(**{name: f0, "f0": f0}):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(read_mel(path, BANDS)[1], f0)


def test_a_square_mel_is_refused_where_nothing_says_which_axis_is_which(tmp_path, mel):
    square = mel[:, :BANDS]
    np.save(tmp_path / "a.npy", square)
    with pytest.raises(
        ValueError,
        match=r"a\.npy: mel has shape \[10, 10\].*save \[n_mels, T\] as 'mel' in a \.npz",
    ):
        read_mel(tmp_path / "a.npy", BANDS)
    np.savez(tmp_path / "a.npz", mel=square)
    np.testing.assert_array_equal(read_mel(tmp_path / "a.npz", BANDS)[0], square)
    write_h5(tmp_path / "a.h5", mel=square.T)
    np.testing.assert_array_equal(read_mel(tmp_path / "a.h5", BANDS)[0], square)


def test_the_authors_h5_may_have_one_f0_frame_more_than_mel_frames(tmp_path, mel, f0):
    write_h5(tmp_path / "a.h5", mel=mel.T, f0=np.append(f0, 0)[:, None])
    assert len(read_mel(tmp_path / "a.h5", BANDS)[1]) == mel.shape[1]
    write_h5(tmp_path / "b.h5", mel=mel.T, f0=np.append(f0, [0, 0])[:, None])
    assert len(read_mel(tmp_path / "b.h5", BANDS)[1]) == mel.shape[1] + 2


def test_f0_is_read_from_every_type(tmp_path, f0):
    np.save(tmp_path / "a.npy", f0[:, None])
    np.savez(tmp_path / "a.npz", f0=f0, other=np.zeros(3))
    write_h5(tmp_path / "a.h5", f0=f0[:, None])
    write_pt(tmp_path / "a.pt", f0)
    for suffix in SUFFIXES:
        np.testing.assert_array_equal(read_f0(tmp_path / f"a{suffix}"), f0)


def test_a_file_without_the_array_is_refused(tmp_path, mel, f0):
    for read, name in ((lambda path: read_mel(path, BANDS), "mel"), (read_f0, "f0")):
        write_h5(tmp_path / "a.h5", pitch=f0, spectrogram=mel)
        write_pt(tmp_path / "a.pt", {"pitch": f0, "spectrogram": mel})
        np.savez(tmp_path / "a.npz", pitch=f0, spectrogram=mel)
        for suffix in (".npz", ".h5", ".pt"):
            said = f"has no array '{name}', only 'pitch', 'spectrogram'$"
            with pytest.raises(ValueError, match=rf"a\{suffix}: {said}"):
                read(tmp_path / f"a{suffix}")
    np.save(tmp_path / "f0.npy", np.stack([f0, f0]))
    with pytest.raises(ValueError, match=r"f0 has shape \[2, 40\]: expected \[T\]"):
        read_f0(tmp_path / "f0.npy")


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((2, 10, 40), "axis 0 holds 2 utterances"),
        ((2, 40, 10), "axis 0 holds 2 utterances"),
        ((10, 40, 1), "leave out axis 2 of length 1"),
        ((40, 1, 10), "leave out axis 1 of length 1"),
        ((1, 1, 10, 40), "leave out axis 0 of length 1"),
    ],
)
def test_an_axis_too_many_is_named(tmp_path, shape, advice):
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(ValueError, match=rf"expected \[10, T\]; {advice}"):
        read_mel(tmp_path / "a.npy", BANDS)


def test_a_folder_is_called_so_and_a_list_in_a_pt_too(tmp_path, mel):
    for read in (lambda path: read_mel(path, BANDS), read_f0):
        with pytest.raises(ValueError, match=r"is a folder: .* pattern such as .*/\*\.npz$"):
            read(tmp_path)
    torch = pytest.importorskip("torch", reason="the extra [train] brings torch")
    torch.save([torch.from_numpy(mel)], tmp_path / "a.pt")
    with pytest.raises(ValueError, match="mel is a list: expected a tensor"):
        read_mel(tmp_path / "a.pt", BANDS)


@pytest.mark.parametrize("suffix", [".wav", ".mel", ".pkl", "", ".npy.gz"])
def test_an_unknown_file_type_is_refused_with_the_known_ones(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"x")
    with pytest.raises(
        ValueError, match=r"unknown file type .*expected one of \.npy, \.npz, \.h5, \.pt"
    ):
        read_mel(path, BANDS)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_empty_truncated_and_foreign_files_are_refused_in_one_line(
    tmp_path, mel, f0, suffix
):
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".h5":
        write_h5(whole, mel=mel.T, f0=f0[:, None])
    elif suffix == ".pt":
        write_pt(whole, {"mel": mel, "f0": f0})
    elif suffix == ".npz":
        np.savez(whole, mel=mel, f0=f0)
    else:
        np.save(whole, mel)
    content = whole.read_bytes()
    path = tmp_path / f"bad{suffix}"
    for bad in (
        None,
        b"",
        b"nonsense" * 100,
        content[:5],
        content[: len(content) // 2],
        content[:-100],
        pickle.dumps([1]),
    ):
        if bad is not None:
            path.write_bytes(bad)
        with pytest.raises(ValueError) as caught:
            read_mel(path, BANDS)
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("array", ["mel", "f0"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.float32(3), r"has shape \[\]"),
        (np.zeros((2, 3, 10), "f"), r"has shape \[2, 3, 10\]"),
        (b"hello", "is of type"),
        (np.array([b"1", b"2"]), "is of type"),
        (np.zeros((10, 40), complex), "is of type complex128"),
        (np.zeros((10, 40), bool), "is of type bool"),
    ],
    ids=["scalar", "three axes", "text", "texts", "complex", "bool"],
)
def test_an_array_of_another_kind_is_refused_by_name(tmp_path, mel, f0, array, value, words):
    arrays = {"mel": mel, "f0": f0, array: value}
    np.savez(tmp_path / "a.npz", **arrays)
    write_h5(tmp_path / "a.h5", **arrays)
    np.save(tmp_path / "a.npy", value)
    for name in ("a.npz", "a.h5", "a.npy") if array == "mel" else ("a.npz", "a.h5"):
        with pytest.raises(ValueError, match=rf"{name}: {array} {words}.*: expected") as caught:
            read_mel(tmp_path / name, BANDS)
        assert "\n" not in str(caught.value)


def test_a_mel_of_one_axis_with_f0_and_one_without_values_are_refused(tmp_path, mel, f0):
    write_h5(tmp_path / "a.h5", mel=mel[0], f0=f0)
    with pytest.raises(ValueError, match=r"a\.h5: mel has shape \[40\]: expected \[10, T\]"):
        read_mel(tmp_path / "a.h5", BANDS)
    write_h5(tmp_path / "b.h5", mel=pytest.importorskip("h5py").Empty("f"))
    with pytest.raises(ValueError, match=r"b\.h5: mel is of type object: expected floating point"):
        read_mel(tmp_path / "b.h5", BANDS)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


def test_pickled_objects_in_a_file_are_refused_and_not_run(tmp_path):
    evil = np.array([Malicious(tmp_path / "ran")], dtype=object)
    np.save(tmp_path / "a.npy", evil, allow_pickle=True)
    np.savez(tmp_path / "a.npz", mel=evil)
    names = ["a.npy", "a.npz"]
    torch = pytest.importorskip("torch", reason="the extra [train] brings torch")
    torch.save({"mel": Malicious(tmp_path / "ran")}, tmp_path / "a.pt")
    for name in [*names, "a.pt"]:
        with pytest.raises(ValueError, match=name):
            read_mel(tmp_path / name, BANDS)
    assert not (tmp_path / "ran").exists()


def test_a_header_that_claims_more_than_there_is_memory_for_is_refused(tmp_path):
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (10, 10**13)}
        )
    with pytest.raises(ValueError, match=r"a\.npy: not a \.npy file that can be read"):
        read_mel(tmp_path / "a.npy", BANDS)


@pytest.mark.slow
def test_arrays_that_would_take_far_more_memory_than_their_file_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py", reason="the extra [dev] brings h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("mel", (10, 10**8), "f4", chunks=(10, 10), fillvalue=1)
    np.savez_compressed(tmp_path / "a.npz", mel=np.zeros((10, 7_000_000), np.float32))
    torch = pytest.importorskip("torch", reason="the extra [train] brings torch")
    torch.save(torch.zeros(1).expand(10, 10**8), tmp_path / "a.pt")
    tracemalloc.start()
    try:
        for name in ("a.h5", "a.npz", "a.pt"):
            with pytest.raises(
                ValueError, match=rf"{name}.*mel would take \d+ bytes, in a file of \d+"
            ):
                read_mel(tmp_path / name, BANDS)
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


def test_h5_that_points_at_other_files_is_refused(tmp_path, mel):
    h5py = pytest.importorskip("h5py", reason="the extra [dev] brings h5py")
    write_h5(tmp_path / "other.h5", mel=mel)
    mel.tofile(tmp_path / "raw")
    layout = h5py.VirtualLayout(mel.shape, "f4")
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "mel", mel.shape)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["mel"] = h5py.ExternalLink("other.h5", "mel")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_virtual_dataset("mel", layout)
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file.create_dataset("mel", mel.shape, "f4", external=[(tmp_path / "raw", 0, mel.nbytes)])
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["mel"] = h5py.SoftLink("/mel")
    for name, words in (
        ("a", "mel is no array"),
        ("b", "mel is in another file"),
        ("c", "mel is in another file"),
        ("d", ""),
    ):
        with pytest.raises(ValueError, match=rf"{name}\.h5.*{words}"):
            read_mel(tmp_path / f"{name}.h5", BANDS)


def test_a_member_of_npz_that_is_no_array_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("mel", b"nonsense")
    with pytest.raises(ValueError, match=r"a\.npz: mel is of type"):
        read_mel(tmp_path / "a.npz", BANDS)


@pytest.mark.parametrize("kind", ["int64", "complex64", "bool"])
def test_tensors_of_another_kind_are_refused_and_bfloat16_is_read(tmp_path, mel, kind):
    torch = pytest.importorskip("torch", reason="the extra [train] brings torch")
    torch.save(torch.from_numpy(mel).to(getattr(torch, kind)), tmp_path / "a.pt")
    with pytest.raises(ValueError, match=rf"a\.pt: mel is of type {kind}: expected floating point"):
        read_mel(tmp_path / "a.pt", BANDS)
    torch.save(torch.from_numpy(mel).bfloat16(), tmp_path / "b.pt")
    np.testing.assert_allclose(read_mel(tmp_path / "b.pt", BANDS)[0], mel, rtol=2**-8)


def test_statistics_that_are_missing_are_told_from_those_that_are_no_archive(tmp_path):
    with pytest.raises(ValueError, match=r"none\.npz: expected an \.npz.*\(no such file\)$"):
        read_stats(tmp_path / "none.npz", BANDS)
    np.save(tmp_path / "a.npy", np.zeros(BANDS))
    with pytest.raises(ValueError, match=r"a\.npy: expected an \.npz.*\(no zip archive\)$"):
        read_stats(tmp_path / "a.npy", BANDS)
