"""Models by path, folder, shipped name and hub repository; the hub is a fake, as tests have no
network."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from processes import run_python

import wavehax
from wavehax.checkpoint import load_model
from wavehax.evaluate.aliasing.subjects import open_subject
from wavehax.models.locate import CARD_FILE, MODEL_FILE, model_path, shipped_models

WORDS = "a card of which only people read a word"


@pytest.fixture
def folder(model_file: Path, tmp_path: Path) -> Path:
    """A folder of one model, with its card."""
    (tmp_path / "voice").mkdir()
    (tmp_path / "voice" / CARD_FILE).write_text(WORDS)
    return model_file.rename(tmp_path / "voice" / MODEL_FILE).parent


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """A hub with the repository somebody/voice; the list of what was asked of it."""
    asked: list[tuple[str, str | None]] = []

    def snapshot_download(
        repo_id: str, *, revision: str | None = None, allow_patterns: list[str]
    ) -> str:
        assert allow_patterns == [MODEL_FILE, CARD_FILE]
        asked.append((repo_id, revision))
        if repo_id != "somebody/voice":
            raise RuntimeError("404 Client Error.\nRepository Not Found")
        return str(folder)

    monkeypatch.setitem(
        sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=snapshot_download)
    )
    return asked


def test_a_path_is_loaded_as_it_is(model_file, tmp_path, monkeypatch):
    assert wavehax.load(model_file).features.name == "tiny"
    assert wavehax.load(str(model_file), isa="portable").isa == "portable"
    monkeypatch.chdir(tmp_path)
    assert wavehax.load("tiny.safetensors").provenance == load_model(model_file).provenance


def test_a_folder_is_loaded_by_the_model_file_in_it(folder, monkeypatch):
    assert wavehax.load(folder).features.name == wavehax.load(str(folder)).features.name == "tiny"
    monkeypatch.chdir(folder.parent)
    assert wavehax.load("voice").features.name == wavehax.load("./voice").features.name == "tiny"


def test_a_folder_of_a_model_is_measured_as_one_and_not_as_a_training_run(folder):
    assert open_subject(str(folder)).voc.features.name == "tiny"


def test_a_shipped_name_wins_over_a_folder_of_that_name(folder, monkeypatch):
    monkeypatch.chdir(folder.rename(folder.with_name("vocos-24k")).parent)
    assert wavehax.load("vocos-24k").features.name == "vocos-24k"
    assert wavehax.load("./vocos-24k").features.name == "tiny"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no-such-model", "no-such-model: no model of this name is shipped; there is .*vocos-24k"),
        ("no/such/model", "no/such/model: no such file"),
        ("./no-such", "no-such: no such file"),
        ("no/such.safetensors", r"no/such.safetensors: no such file"),
        (Path("no/such"), "no/such: no such file"),
        (Path(__file__).parent, f"tests: holds no {MODEL_FILE}"),
    ],
)
def test_what_is_no_model_is_refused_by_name_and_not_looked_for_on_the_hub(hub, name, said):
    with pytest.raises(wavehax.ModelError, match=said):
        wavehax.load(name)
    assert hub == []


def test_what_exists_or_is_shipped_is_never_looked_for_on_the_hub(hub, folder, monkeypatch):
    monkeypatch.chdir(folder.parent.parent)
    here = f"{folder.parent.name}/voice"  # reads like a repository
    for name in (None, *shipped_models(), here, folder, folder / MODEL_FILE):
        model_path(name)
    assert hub == []


@pytest.mark.parametrize(
    ("name", "revision"),
    [
        ("somebody/voice", None),
        ("somebody/voice@v1.0", "v1.0"),
        ("somebody/voice@refs/pr/1", "refs/pr/1"),
    ],
)
def test_a_repository_is_fetched_at_the_revision_that_is_named(hub, name, revision):
    assert wavehax.load(name).features.name == "tiny"
    assert hub == [("somebody/voice", revision)]


def test_the_command_line_takes_a_repository_and_shows_where_its_card_is(hub, folder, command):
    code, out, err = command("info", "somebody/voice@main")
    assert (code, err) == (0, "") and hub == [("somebody/voice", "main")]
    assert dict(line.split(maxsplit=1) for line in out.splitlines())["card"] == str(
        folder / CARD_FILE
    )


def test_a_repository_that_cannot_be_had_is_one_line(hub, command):
    code, out, err = command("info", "nobody/nothing")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert (
        "nobody/nothing: no such file or folder here, and not to be had from the hub: 404 Client"
        " Error." in err
    )


def test_a_repository_without_a_model_file_is_refused(hub, folder):
    (folder / MODEL_FILE).unlink()
    with pytest.raises(wavehax.ModelError, match=f"^somebody/voice@v1: holds no {MODEL_FILE}$"):
        wavehax.load("somebody/voice@v1")


def test_without_the_hub_module_a_repository_says_what_to_install(monkeypatch, command):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    code, out, err = command("info", "somebody/voice")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert (
        "somebody/voice: no such file or folder here" in err and "pip install 'wavehax[hub]'" in err
    )


def test_the_real_hub_module_takes_what_the_fake_takes_and_offline_is_one_error(tmp_path):
    hub = pytest.importorskip("huggingface_hub")
    inspect.signature(hub.snapshot_download).bind(
        "somebody/voice", revision="v1", allow_patterns=[MODEL_FILE]
    )
    code = (
        "import os; os.environ.update(HF_HUB_OFFLINE='1', HF_HOME='cache')\n"
        "import wavehax\n"
        "try: wavehax.load('somebody/voice')\n"
        "except wavehax.ModelError as error: print(error)"
    )
    done = run_python(code, tmp_path)
    assert done.stdout.startswith(
        "somebody/voice: no such file or folder here, and not to be had from the hub: "
    )
    assert done.stdout.count("\n") == 1
