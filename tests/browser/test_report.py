"""The report of `export --format html`, as a reader has it: opened from a file in Chromium."""

import time
from pathlib import Path

import pytest

from tests.browser.conftest import report
from tests.golden import make
from tests.support.browser import Page
from tests.support.logs import MS, SECOND, LogBuilder, argv, run, shell_session, start_shell

LOAD = "document.querySelector('.load').click()"
SCREEN = "document.querySelector('.ap-term')?.innerText ?? ''"
ROWS = "[...document.querySelectorAll('.commands li')].filter(row => row.checkVisibility()).length"


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    return report(shell_session().save(tmp_path / "s.ebpfaudit"), tmp_path)


def jump(page: Page, text: str) -> None:
    """Presses the time of the command that holds `text`."""
    page.run(
        f"[...document.querySelectorAll('.commands li')].find(row => row.textContent.includes({text!r}))"
        ".querySelector('.at').click()"
    )
    page.until(f"document.querySelector('[aria-current]')?.textContent.includes({text!r})")


def test_it_plays(page: Page, shell: Path) -> None:
    page.open(shell)
    page.run(LOAD)
    page.until(f"({SCREEN}).includes('root@victim:~# ls -la')")
    assert page.run("document.querySelector('.ap-playback-button').ariaLabel") == "Pause"
    page.until(f"({SCREEN}).includes('café')")


def test_a_command_and_the_strip_jump_in_the_player(page: Page, shell: Path) -> None:
    page.open(shell)
    jump(page, "sleep 100")
    page.until(f"({SCREEN}).includes('café')")
    page.until("document.querySelector('.elapsed').textContent == '2026-01-02T03:04:08Z'")
    jump(page, "ls -la")
    page.until(f"!({SCREEN}).includes('café')")
    page.run("document.querySelector('.strip').dispatchEvent(new MouseEvent('click', {clientX: 1399}))")
    page.until(f"({SCREEN}).includes('exit')")


def test_times_are_those_of_the_recording_also_when_pauses_are_shortened(page: Page, tmp_path: Path) -> None:
    log = start_shell(LogBuilder()).add("tty_out", SECOND, data=b"early\r\n")
    run(log, 3600 * SECOND, 101, "late", tty=1).add("tty_out", 3601 * SECOND, data=b"late\r\n")
    page.open(report(log.save(tmp_path / "s.ebpfaudit"), tmp_path))
    jump(page, "late")
    page.until("document.querySelector('.elapsed').textContent == '2026-01-02T04:04:05Z'")
    assert page.run("document.querySelector('.ap-time-elapsed').textContent") in ("00:02", "00:03")
    page.run("document.getElementById('pauses').click()")
    page.until("document.querySelector('.ap-time-elapsed')?.textContent.startsWith('01:00:0')")
    page.until("document.querySelector('.elapsed').textContent == '2026-01-02T04:04:05Z'")


def test_search_filters_the_commands(page: Page, shell: Path) -> None:
    page.open(shell)
    everything = page.run(ROWS)
    page.key("/")
    assert page.run("document.activeElement.id") == "pattern"
    page.type("SLEEP")
    page.until("document.getElementById('found').textContent.startsWith('2 of')")
    assert page.run(ROWS) == 2
    page.key("Escape")
    assert page.run(ROWS) == everything


def test_what_was_typed_can_be_shown(page: Page, shell: Path) -> None:
    page.open(shell)
    page.run("document.getElementById('keys').click()")
    page.run(LOAD)
    page.until("document.querySelector('[class*=keystroke]')")


def test_it_can_be_used_by_keyboard_and_named_by_a_screen_reader(page: Page, shell: Path) -> None:
    page.open(shell)
    unnamed = page.run(
        "[...document.querySelectorAll('button, input')].filter(e => !(e.textContent || e.labels?.length)).length"
    )
    assert unnamed == 0
    assert page.run("[...document.querySelectorAll('.at')].every(e => e.tabIndex === 0)")
    assert page.run("[...document.querySelectorAll('section')].every(e => document.getElementById("
                    "e.getAttribute('aria-labelledby')))")  # fmt: skip
    page.run("document.querySelectorAll('.at')[2].focus()")
    page.key("Enter", "\r")
    page.until("document.querySelector('.ap-player')")


def test_without_a_terminal_times_are_no_buttons_to_press(page: Page, tmp_path: Path) -> None:
    page.open(report(make.commands().save(tmp_path / "s.ebpfaudit"), tmp_path))
    assert page.run("[...document.querySelectorAll('.at')].every(button => button.disabled)")
    assert page.run(ROWS) == 3


def test_on_paper_there_are_all_commands_and_no_player(page: Page, shell: Path) -> None:
    page.open(shell)
    page.look(media="print")
    assert page.run(ROWS) == 5
    assert page.run("getComputedStyle(document.querySelector('.player')).display") == "none"
    assert page.run("getComputedStyle(document.querySelector('#search')).display") == "none"
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_told_from_what_is_behind_it(page: Page, shell: Path, scheme: str) -> None:
    page.open(shell)
    page.look(scheme)
    ratios = page.run("""
        (() => {
            const light = (color) => {
                const parts = color.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
                    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
            };
            const back = light(getComputedStyle(document.body).backgroundColor);
            return ['.at', '.how span', 'dt', 'small', 'code', '.failed .how span', '.verdict b'].map(what => {
                const text = light(getComputedStyle(document.querySelector(what)).color);
                return (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
            });
        })()""")
    assert min(ratios) >= 4.5  # WCAG 2.2, 1.4.3


ATTACK = (
    "</script><script>window.pwned = 1</script>", "<img src=x onerror='window.pwned = 1'>", "]]><svg onload=pwned=1>",
    "&lt;b&gt;&quot;", "'\"><a href=javascript:pwned=1>", "\u202egnp.exe", "\x1b]0;title\x07", "$title ${title}",
)  # fmt: skip


def test_a_hostile_recording_does_nothing(page: Page, tmp_path: Path) -> None:
    target = {"namespace": ATTACK[0], "pod": ATTACK[1], "container": ATTACK[4], "image": ATTACK[2], "cgroup_id": 1}
    log = start_shell(LogBuilder(targets=[target], node={"name": ATTACK[1]}, recording=ATTACK[0]))
    for i, text in enumerate(ATTACK, 1):
        run(log, i * SECOND, 100 + i, text, text, cwd=text.encode(), filename=text.encode(), tty=1)
        log.add("tty_out", i * SECOND + MS, data=f"{text}\r\n".encode())
        log.add("tty_in", i * SECOND + MS, data=text.encode())
        log.add("exec_failed", i * SECOND + 2 * MS, pid=100, error=2, filename=text.encode())
    page.open(report(log.save(tmp_path / "s'\"<b>.ebpfaudit"), tmp_path))
    page.run("document.getElementById('keys').click()")
    page.run(LOAD)
    page.until(f"({SCREEN}).includes('window.pwned')")
    jump(page, "${title}")
    assert page.run("window.pwned") is None
    assert page.run("document.querySelectorAll('main img, main a[href^=java], main script, main b b').length") == 0
    assert page.run("[...document.querySelectorAll('script')].length") == 3
    shown = page.run("document.querySelector('.commands').innerText")
    assert "\u202e" not in shown
    assert "</script><script>window.pwned = 1</script>" in shown


def test_ten_thousand_commands_stay_usable(page: Page, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for i in range(10_000):
        at = SECOND + i * 10 * MS
        log.add("exec", at, pid=1000 + i, ns_pid=i, argv=argv("grep", f"needle{i}", "/etc/passwd"), tty=1)
        log.add("tty_out", at, data=b"root@victim:~# grep needle /etc/passwd\r\n")
    file = report(log.save(tmp_path / "s.ebpfaudit"), tmp_path)
    started = time.monotonic()
    page.open(file)
    jump(page, "needle9999")
    page.run("document.getElementById('pattern').focus()")
    page.type("needle777")
    page.until("document.getElementById('found').textContent == '11 of 10,001 lines'")
    assert time.monotonic() - started < 10  # seconds, on a machine with other work
    assert file.stat().st_size < 6 << 20
