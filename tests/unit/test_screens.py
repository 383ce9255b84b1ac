"""Screens: what the emulator shows of recorded output, at any time, whatever happens to it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recorder.log.reader import Log, open_log
from replay.model import Session, Terminal
from replay.player.expression import Expression
from replay.player.find import Finder
from replay.player.story import Story
from replay.screen import protocol
from replay.screen.changes import Change, changes
from replay.screen.display import Display
from replay.screen.emulator import Emulator
from replay.screen.reel import Reel
from replay.screen.screen import Span
from replay.screen.screens import Screens
from replay.timeline import build
from tests.support.links import print_links
from tests.support.logs import MS, SECOND, LogBuilder, shell_session, start_shell


def saved(tmp_path: Path, builder: LogBuilder) -> tuple[Log, Session, Terminal]:
    log = open_log(builder.save(tmp_path / "s.ebpfaudit", split=5))
    session = build(log).sessions[0]
    return log, session, session.terminals[0]


def test_a_screen_has_text_styles_and_a_cursor() -> None:
    display = Display(3, 20)
    display.feed(b"a \x1b[1;31mred\x1b[0m\r\nb\xc3\xa9")
    screen = display.screen()
    display.close()
    assert screen.lines == ["a red", "bé"]
    assert screen.rows[0] == (Span("", "a "), Span("1;38;5;1", "red"))
    assert (screen.cursor, screen.size, screen.alternate, screen.note) == ((2, 1), (3, 20), False, "")


def test_of_sizes_without_end_the_last_ones_are_kept(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for number in range(1000):
        log.add("tty_resize", 3 * MS, tty=1, rows=24, cols=80 + number)
    log.add("tty_out", 4 * MS, data=b"x")
    opened, session, tty = saved(tmp_path, log)
    with opened:
        items = list(Reel(opened, session, tty.number))
    assert [item.data for item in items[-1:]] == [b"x"]
    assert [item.size for item in items[-3:-1]] == [(24, 1078), (24, 1079)]
    assert len(items) < 500


def test_text_of_a_screen_holds_nothing_that_does_not_draw() -> None:
    display = Display(2, 40)
    display.feed("a\u202eb\u200bc\ue000d\r\n".encode())
    screen = display.screen()
    display.close()
    assert screen.text.isprintable()
    assert screen.text.replace("\ufffd", "") == "abcd"


def test_the_screen_at_a_time_is_that_after_all_output_up_to_it(tmp_path: Path) -> None:
    log, session, tty = saved(tmp_path, shell_session())
    with log, Screens(log, session, tty) as screens:
        assert screens.at(0).text == ""
        assert screens.at(10 * MS).text == "root@victim:~#"
        late = screens.at(SECOND + 9 * MS)
        assert late.lines == ["root@victim:~# ls -la", "total 0", "bin  café"]
        assert late.size == (24, 80)
        assert screens.at(2 * SECOND).size == (50, 120)
        assert screens.at(10 * MS).text == "root@victim:~#"
        assert screens.at(10 * MS).size == (24, 80)


def full_screen_log() -> LogBuilder:
    log = start_shell(LogBuilder())
    log.add("tty_out", 10 * MS, data=b"$ vi\r\n\x1b[5;10r")
    for at in range(1, 40):
        log.add("tty_out", at * SECOND, data=b"\x1b[?1049h\x1b[2J\x1b[3;4Hline %d\x1b[7m~" % at + b"." * 70_000)
        log.add("tty_out", at * SECOND + MS, data=b"\x1b[?1049l\x1b[32mleft %d \x1b[0m" % at)
        log.add("tty_resize", at * SECOND + 2 * MS, tty=1, rows=24 + at % 3, cols=80 + at)
    return log


def test_a_seek_shows_the_same_as_playing_up_to_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replay.screen.screens._BETWEEN_KEYFRAMES", 100_000)
    log, session, tty = saved(tmp_path, full_screen_log())
    times = [at * SECOND + part * MS for at in range(1, 40) for part in (0, 1, 2)]
    with log:
        with Screens(log, session, tty) as screens:
            played = [screens.at(time) for time in times]
            assert screens._keyframes._frames  # or this shows nothing
            assert [screens.at(time) for time in reversed(times)] == played[::-1]


def test_keyframes_in_the_cache_are_used_and_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replay.screen.screens._BETWEEN_KEYFRAMES", 100_000)
    log, session, tty = saved(tmp_path, full_screen_log())
    cache = tmp_path / "cache"
    with log:
        with Screens(log, session, tty, cache) as first:
            wanted = first.at(39 * SECOND)
        (file,) = cache.iterdir()
        assert file.stat().st_mode & 0o777 == 0o600
        with Screens(log, session, tty, cache) as second:
            assert list(second.seek(39 * SECOND)) == []  # without one it would take breath
            assert second.display.screen() == wanted


def test_keyframes_of_another_log_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replay.screen.screens._BETWEEN_KEYFRAMES", 100_000)
    log, session, tty = saved(tmp_path, full_screen_log())
    cache = tmp_path / "cache"
    with log, Screens(log, session, tty, cache) as screens:
        wanted = screens.at(39 * SECOND)
    (file,) = cache.iterdir()
    data = file.read_bytes()
    digest = data.split(b'"digest": "')[1][:64]
    for forged in (data.replace(digest, digest[::-1]), data[:50], b"\n" * 100, b'{"place": []}\n' + data, data[:-1]):
        file.write_bytes(forged)
        with open_log(log.path) as again, Screens(again, session, tty, cache) as screens:
            assert screens.at(39 * SECOND) == wanted


def test_hyperlinks_and_resizes_kill_the_engine_and_the_filter_keeps_them_from_it() -> None:
    assert subprocess.run([sys.executable, "-m", "tests.support.links"], check=False).returncode == -signal.SIGSEGV
    display = Display(24, 80)
    print_links(display, 500)
    display.screen()
    display.close()
    assert display.deaths == 0


def test_when_the_engine_dies_another_goes_on_and_says_so_until_the_screen_is_cleared() -> None:
    display = Display(3, 40)
    display.feed(b"before\r\n")
    assert display.screen().lines[0] == "before"
    os.kill(display.pid, signal.SIGKILL)
    display.feed(b"after")
    assert display.screen().text == "after"
    assert "emulator failed" in display.screen().note
    display.feed(b"\x1b[2J\x1b[Hclear")
    assert (display.screen().text, display.screen().note, display.deaths) == ("clear", "", 1)
    display.close()


def test_an_engine_that_stops_answering_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    patience, next_emulator = "replay.screen.emulator._PATIENCE_SECONDS", Display._next_emulator

    def patient(self: Display) -> None:
        monkeypatch.setattr(patience, 60.0)
        next_emulator(self)

    display = Display(3, 40)
    os.kill(display.pid, signal.SIGSTOP)
    monkeypatch.setattr(patience, 1.0)
    monkeypatch.setattr(Display, "_next_emulator", patient)
    display.feed(b"text")
    assert display.screen().text == "text"
    assert display.deaths == 1
    display.close()


def test_bytes_that_kill_every_engine_cost_themselves_only(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Emulator.feed

    def fragile(self: Emulator, data: bytes) -> None:
        feed(self, data)
        if b"@@" in data:
            os.kill(self.pid, signal.SIGKILL)

    monkeypatch.setattr("replay.screen.display._MAX_DEATHS", 3)
    monkeypatch.setattr(Emulator, "feed", fragile)
    display = Display(5, 40)
    display.feed(b"one\r\n")
    display.feed(b"@@\r\n")
    display.feed(b"two\r\n")
    assert display.screen().lines == ["one", "two"]
    for _ in range(5):
        display.feed(b"@@\r\n")
        display.feed(b"still here\r\n")
        display.screen()
    assert "still here" in display.screen().text
    assert "plain text" in display.screen().note
    display.close()


def test_the_emulators_process_has_nothing_to_hold_on_to() -> None:
    emulator = Emulator(3, 10)
    emulator.ask(protocol.SYNC)
    files = [os.readlink(f"/proc/{emulator.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{emulator.pid}/fd")]
    limits = Path(f"/proc/{emulator.pid}/limits").read_text()
    emulator.close()
    assert sorted(file.split(":")[0] for file in files) == ["/dev/null"] * 3 + ["socket"]
    assert "Max core file size        0 " in limits
    assert "Max address space         unlimited" not in limits


def test_lines_that_were_scrolled_out_by_a_sequence_are_gone() -> None:
    display = Display(3, 10)
    display.feed(b"one\r\ntwo\r\nthree\x1b[2S")
    assert display.screen().lines == ["three"]
    display.feed(b"\x1b[1;1H0")
    display.resize(5, 10)
    assert display.screen().lines == ["0hree"]
    display.close()


def test_changes_tell_every_line_once_also_those_that_scrolled_by(tmp_path: Path) -> None:
    builder = start_shell(LogBuilder())
    builder.add("tty_out", 10 * MS, data=b"$ se\x1b[31mq 1\x1b[0m000\r\n")
    builder.add("tty_out", SECOND, data=b"".join(b"\x1b[1mline\x1b[0m %d\r\n" % n for n in range(1000)))
    builder.add("tty_out", 2 * SECOND, data=b"$ \rX")
    log, session, tty = saved(tmp_path, builder)
    with log:
        found = list(changes(log, session, tty))
    assert [change.at for change in found] == [10 * MS, SECOND, 2 * SECOND]
    assert found[0].lines == ["$ seq 1000"]
    assert found[1].lines == [f"line {n}" for n in range(1000)]
    assert found[2].lines == ["X"]


def test_a_word_broken_by_colours_and_editing_is_whole_in_the_changes(tmp_path: Path) -> None:
    builder = start_shell(LogBuilder())
    builder.add("tty_out", 10 * MS, data=b"pa\x1b[1mssx\b \bw\x1b[0mord\x1b[2;1Hse\x1b[2;5Het\x1b[2;3Hcr")
    log, session, tty = saved(tmp_path, builder)
    with log:
        assert [change.lines for change in changes(log, session, tty)] == [["password", "secret"]]


def test_who_looks_for_a_pattern_comes_to_an_end_when_that_is_given_up(tmp_path: Path) -> None:
    builder = start_shell(LogBuilder())
    for second in range(3):
        builder.add("tty_out", second * SECOND + MS, data=b"line %d\r\n" % second)
    log, session, tty = saved(tmp_path, builder)
    with log:
        finder = Finder(log, session, tty, Story(log, session, tty, 1, ""), Expression("none"))
        looking = finder.look(0, True)
        assert next(looking) < SECOND
        finder.close()
        assert list(looking) == []


class Counted(str):
    """A line that counts how often one of them is compared with another."""

    __slots__ = ()
    compared = 0

    def startswith(self, *arguments: Any) -> bool:
        Counted.compared += 1
        return super().startswith(*arguments)


def test_lines_that_come_again_are_not_each_compared_with_all_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{n:03} line" for n in range(1000)]
    typed, other = [f"{line}, more" for line in lines], ["new line"]
    drawn = [Change(at, list(map(Counted, one)), [], [], 0) for at, one in enumerate((lines, typed, other, lines), 1)]
    monkeypatch.setattr("replay.player.find.changes", lambda *_: (change for change in drawn))
    log, session, tty = saved(tmp_path, start_shell(LogBuilder()))
    with log:
        finder = Finder(log, session, tty, Story(log, session, tty, 1, ""), Expression("line"))
        assert list(finder.look(9, False)) == [1, 2, 3, 4]
    assert [finder.after(0), finder.after(1), finder.after(3), finder.after(4)] == [1, 3, 4, None]
    assert [finder.before(9), finder.before(4), finder.before(3), finder.before(1)] == [4, 3, 1, None]
    assert 1000 <= Counted.compared <= 2 * 1000
