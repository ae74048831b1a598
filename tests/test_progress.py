"""The line that says how far a command is, on a terminal and in a file."""

from __future__ import annotations

import pytest

from wavehax.files.progress import Progress


class Clock:
    """Seconds as a test sets them, in place of the time of day."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("wavehax.files.progress.time", clock)
    return clock


def test_a_file_gets_no_line_of_a_short_run_that_says_nothing(
    clock: Clock, capsys: pytest.CaptureFixture
) -> None:
    progress = Progress(3, thing="utterance")
    for done in range(1, 4):
        clock.now += 1
        progress.show(done)
    progress.end()
    assert capsys.readouterr().err == ""


def test_a_file_gets_a_line_a_minute_and_the_last(
    clock: Clock, capsys: pytest.CaptureFixture
) -> None:
    progress = Progress(40, 10, "step")
    for done in range(11, 41):
        clock.now += 9
        progress.show(done, "mel 0.3")
    progress.end()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "step 17/40  mel 0.3  3.5 min left"  # the 7th after 63 s; 23 * 9 s are left
    assert lines[-1] == "step 40/40  mel 0.3  0.0 min left"
    assert len(lines) == 30 // 7 + 1


def test_a_file_gets_nothing_of_what_is_not_logged(
    clock: Clock, capsys: pytest.CaptureFixture
) -> None:
    progress = Progress(2, logged=False)
    clock.now += 1000
    progress.show(2)
    assert capsys.readouterr().err == ""


def test_a_terminal_has_one_line_that_is_drawn_again(
    clock: Clock, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    progress = Progress(3)
    progress.show(0)
    clock.now += 30
    progress.show(1)
    progress.end()
    empty, third = "." * 30, "#" * 10 + "." * 20
    expected = f"\r[{empty}] 0/3\033[K\r[{third}] 1/3  1.0 min left\033[K\n"
    assert capsys.readouterr().err == expected
