"""The HTML report: whole, self-contained, worst files first."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import pytest
import soundfile
from evaluate_signals import RATE, noisy, voice

from wavehax.evaluate.items import Item
from wavehax.evaluate.report import write_report
from wavehax.evaluate.synthesis import FilePair
from wavehax.files.sound import write_audio

for name in ("pyworld", "scipy"):
    pytest.importorskip(name, reason="needs the extras [f0,eval]")


class _Structure(HTMLParser):
    """Which tags there are; complains of one closed out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.seen, self.addresses = [], [], []

    def handle_starttag(self, tag, attributes) -> None:
        self.seen.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes) -> None:
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    tmp_path = tmp_path_factory.mktemp("report")
    items, scores = [], []
    for name, level, pesq in (("good & <quiet>", 0.001, 4.0), ("bad", 0.03, 2.0)):
        natural, made = tmp_path / f"{len(items)}n.wav", tmp_path / f"{len(items)}g.wav"
        write_audio(natural, voice(1), RATE)
        write_audio(made, noisy(voice(1), level), RATE)
        items.append(Item(name, "dev", "someone", natural, made))
        scores.append(
            {
                "file": name,
                "group": "dev",
                "speaker": "someone",
                "pesq_wb": pesq,
                "mel_l1": float("nan"),
            }
        )
    write_report(tmp_path / "report.html", "a model", scores, items, FilePair(), overwrite=False)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_loads_nothing(page: str) -> None:
    structure = _Structure()
    structure.feed(page)
    assert structure.open == []
    assert structure.seen.count("audio") == structure.seen.count("svg") == 4
    assert all(address.startswith("data:") for address in structure.addresses)


def test_the_worst_file_comes_first_and_names_are_escaped(page: str) -> None:
    assert re.findall("<h3>(.*?)</h3>", page) == ["bad", "good &amp; &lt;quiet&gt;"]


def test_the_players_hold_the_sounds(page: str) -> None:
    sounds = re.findall(r'src="data:audio/flac;base64,(.*?)"', page)
    wave, rate = soundfile.read(io.BytesIO(base64.b64decode(sounds[0])))
    assert rate == RATE
    assert abs(wave - voice(1)).max() < 2 / 32768


def test_means_and_all_files_are_listed_without_scores_that_nobody_has(page: str) -> None:
    assert "3.000" in page and "dev (2)" in page and "someone (2)" in page
    assert "mel L1" not in page
