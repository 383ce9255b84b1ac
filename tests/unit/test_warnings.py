"""What points at evasion: found in output, told first by `show`, and safe to print."""

import io
import time
from pathlib import Path

import pytest

from kubectl_ebpfaudit.live import Live
from recorder import events
from recorder.log.reader import open_log
from recorder.log.stream import Stream
from replay.answers import ANSWER, CLIPBOARD, Answers
from replay.document import document
from replay.model import Timeline
from replay.report import report
from replay.timeline import build
from tests.support.logs import MS, SECOND, LogBuilder, argv, run, start_shell

KINDS = events.enums()["warning_kind"]

FOUND = [
    (b"\x1b]52;c;cm0gLXJmIC8=\x07", [CLIPBOARD]),
    (b"\x1b]52;p;?\x1b\\", [CLIPBOARD]),
    (b"\xc2\x9d52;c;eA==\x1b\\", [CLIPBOARD]),
    (b"\x1b[21t", [ANSWER]),
    (b"a\x1b[20tb\x05c", [ANSWER, ANSWER]),
    (b"\x1bP$q;rm -rf ~\n\x1b\\", [ANSWER]),
    (b"\x1bP+q\n;ls\n\x1b\\", [ANSWER]),
    (b"\x1b]052;c;cm0=\x07", [CLIPBOARD]),
    (b"\x1b\0]5\n2\x7f;c;cm0=\x07", [CLIPBOARD]),
    (b"\xc2\x9d" + b"0" * 5000 + b"5\t2;c;cm0=\x07", [CLIPBOARD]),
    (b"\x1b" + b"\0" * 5000 + b"]52;c;cm0=\x07", [CLIPBOARD]),
    (b"\x1b]\x0552;c;cm0=\x07", [ANSWER, CLIPBOARD]),
    (b"\x1b[021t\x1b[0" + b"\r" * 5000 + b"20t", [ANSWER, ANSWER]),
    (b"\x1b[2\n1t\x1b[2\x071t", [ANSWER, ANSWER]),
    (b"\x1b[21;0t\xc2\x9b20;" + b"1;" * 5000 + b"t\xc2\x9b21t", [ANSWER, ANSWER, ANSWER]),
    (b"\x1bP\0$\nq;ls\n\x1b\\\xc2\x90+q\n;ls\n\x1b\\", [ANSWER, ANSWER]),
    (b"\x1bP" + b"0" * 5000 + b"$q;ls\n\x1b\\", [ANSWER]),
    (b"\x1bP$q\nm\x1b\\", [ANSWER]),
    (b"\x1b\0P$qevil\x1b\\", [ANSWER]),
    (b"\x1bP" + b"0" * 250 + b"$" + b"\n" * 250 + b"qevil\x1b\\", [ANSWER]),
    (b"\x1bPtmux;\x1b\x1bP$qevil\x1b\x1b\\\x1b\\", [ANSWER]),
]
ORDINARY = [
    b"\x1b[0m\x1b[1;34mbin\x1b[0m caf\xc3\xa9 \xe2\x80\x9d52; \xc2\xb5",  # ls
    b"\x1b[>c\x1b[c\x1b[6n\x1bP+q436f;6b75\x1b\\\x1bP$q q\x1b\\\x1bP$qm\x1b\\",  # vim
    b"\x1b]0;root@victim: ~\x07\x1b]11;?\x07\x1b[22;2t\x1b[23;2t\x1b[8;24;80t",
    b"\x1b]520;x\x07\x1b[200t\x1b[121t\x1b[2;1t\x1b[;21t\x1b[2\x181t\x1b[2\x1b1t",
    b"\x1b]5\x072;c;x \x1b]1;52;x\x07 \xc2\x902 \xc2\xa0",
    b"\x1bPtmux;\x1b\x1bP$qm\x1b\x1b\\\x1b\\\x1b\0P$qm\x1b\\",
    b"\xc2\x90$qm\x1b\\\xc2\x90+q436f\xc2\x9c",
    b"\x1b[" + b"1;" * 300 + b"21t\x1b[2000000000" + b"0" * 300 + b"t",
]


def pieces(data: bytes, size: int) -> list[str]:
    answers = Answers()
    found = [kind for at in range(0, len(data), size) for kind in answers.feed(data[at : at + size])]
    return found + answers.close()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(("data", "kinds"), FOUND)
def test_what_is_meant_for_the_terminal_is_found_however_it_is_cut(data: bytes, kinds: list[str], size: int) -> None:
    assert pieces(b"text " + data + b" text", size) == kinds


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("data", ORDINARY)
def test_what_programs_do_every_day_is_no_warning(data: bytes, size: int) -> None:
    assert pieces(data + b" text", size) == []


def test_looking_takes_no_longer_for_output_that_was_made_for_that() -> None:
    started = time.process_time()
    for hostile in (
        b"\x1bP$q" * 250_000,
        b"\x1b" * 1_000_000,
        b"\xc2" * 1_000_000,
        b"\x1bP" + b"a" * 1_000_000,
        b"\x1b[2" + b"0" * 1_000_000,
        b"\x1b[21;" + b"1;" * 500_000,
        b"\x1b" + b"\0" * 1_000_000,
        b"\x1b[21" * 200_000,
    ):
        pieces(hostile, 4096)
    assert time.process_time() - started < 5


def timeline_of(log: LogBuilder, folder: Path) -> Timeline:
    with open_log(log.save(folder / "x.ebpfaudit")) as opened_log:
        return build(opened_log)


def test_warnings_come_first_in_what_show_prints(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    run(log, SECOND, 101, "gdb")
    log.add("warning", 2 * SECOND, pid=101, kind=KINDS["WARNING_PTRACE"], other=77, value=16)
    log.add("tty_out", 3 * SECOND, data=b"\x1b]52;c;eA==\x07")
    text = report(timeline_of(log, tmp_path))
    assert text.index("WARNING") < text.index("Session:")
    assert "  11    took hold of process 77 of the host, of no session: to trace it, or for its memory\n" in text
    assert "  -     its output sets or reads the clipboard of whoever looks at it (OSC 52)\n" in text


def test_the_same_again_counts_up(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for i in range(3):
        log.add("warning", i * SECOND, pid=100, kind=KINDS["WARNING_BPF"], value=5)
        log.add("tty_out", i * SECOND + MS, data=b"\x05")
    log.add("warning", 9 * SECOND, pid=100, kind=KINDS["WARNING_BPF"], value=6)
    timeline = timeline_of(log, tmp_path)
    told = document(timeline)["sessions"][0]["warnings"]
    assert [(one["kind"], one["count"], one.get("value", 0)) for one in told] == [
        ("bpf", 3, 5),
        ("answer_back", 3, 0),
        ("bpf", 1, 6),
    ]
    assert "called bpf (command 5) (3 times)" in report(timeline)


def test_of_very_many_warnings_the_first_are_shown(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for i in range(200):
        log.add("warning", i * MS, pid=100, kind=KINDS["WARNING_PTRACE"], other=i + 1)
    timeline = timeline_of(log, tmp_path)
    assert "and 150 more: show -o json has them all" in report(timeline)
    assert len(document(timeline)["sessions"][0]["warnings"]) == 200


def test_a_name_that_an_attacker_chose_draws_and_no_more(tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    log.add(
        "warning", SECOND, pid=4242, kind=KINDS["WARNING_FOREIGN_WRITE"], tty=1, comm=b"\x1b[2J\xff" * 10
    )  # fmt: skip
    log.add("warning", SECOND, pid=4242, kind=99)
    log.header["enums"]["warning_kind"] = {**KINDS, "WARNING_\x1b[31m": 99}
    timeline = timeline_of(log, tmp_path)
    assert "\x1b" not in report(timeline)
    assert "process 4242 of the host (\\x1b[2J\\xff\\x1b[2J\\xff\\x1b[2J\\xff\\x1b), of no session" in report(timeline)
    assert document(timeline)["sessions"][0]["warnings"][1]["kind"] == "\x1b[31m"


def test_a_session_without_warnings_has_none(tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).add("exec", SECOND, pid=100, argv=argv("ls"))
    timeline = timeline_of(log, tmp_path)
    assert "WARNING" not in report(timeline)
    assert "warnings" not in document(timeline)["sessions"][0]


def test_record_says_a_warning_as_it_happens() -> None:
    log = start_shell(LogBuilder()).add("warning", SECOND, pid=100, kind=KINDS["WARNING_SIGNAL"], value=9)
    out = io.StringIO()
    view = Live(out).view()
    for _, parsed in Stream().feed(log.build()):
        view.object(parsed)
    assert out.getvalue().splitlines()[-1] == "03:04:06Z  session 1  warning: sent SIGKILL to the recorder"
