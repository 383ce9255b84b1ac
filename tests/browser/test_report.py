"""The report of `export --format html`, as a reader has it: opened from a file in Chromium."""

import json
from pathlib import Path

import pytest

from replay.recording import opened
from replay.who import kept
from replay.who.identity import Asked, Identity
from replay.who.request import Person
from tests.attacks import TEXTS
from tests.browser.conftest import report
from tests.golden import make
from tests.support.attacked import attacked_log
from tests.support.browser import Page
from tests.support.logs import MS, SECOND, TARGET, LogBuilder, argv, run, shell_session, start_shell

LOAD = "document.querySelector('.load').click()"
ATTACK = TEXTS["HTML"] + TEXTS["attribute"] + TEXTS["bidi"]
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
    page.until("document.getElementById('found').textContent == '2 of 5 rows, 0 lines of text'")
    assert page.run(ROWS) == 2
    page.key("Escape")
    assert page.run(ROWS) == everything


def test_search_finds_what_was_on_the_screen_and_what_was_typed_and_jumps_there(page: Page, shell: Path) -> None:
    page.open(shell)
    page.run("document.getElementById('pattern').focus()")
    page.type("CAF")
    page.until("document.getElementById('found').textContent == '0 of 5 rows, 1 line of text'")
    assert page.run("document.querySelector('.transcript mark').textContent") == "caf"
    page.run("document.querySelector('.transcript .at').click()")
    page.until(f"({SCREEN}).includes('café')")
    page.run("document.getElementById('pattern').value = ''")
    page.type("ls -")
    page.until("document.getElementById('found').textContent == '1 of 5 rows, 2 lines of text'")
    assert "typed" in page.run("document.querySelector('.transcript').innerText")
    page.key("Escape")
    page.until("document.getElementById('found').textContent == '' && !document.querySelector('.transcript').open")
    page.run("document.querySelector('.transcript summary').click()")
    page.until("document.querySelectorAll('.transcript li').length == 5")


def test_search_leaves_out_sessions_without_a_hit_and_finds_warnings(page: Page, tmp_path: Path) -> None:
    log = start_shell(start_shell(LogBuilder()), SECOND, session=2, pid=200, tty=2)
    log.add("tty_out", 2 * SECOND, data=b"a screen \x1b[31mwo\x1b[0mrd\r\n").add(
        "tty_out", 3 * SECOND, data=b"\x1b]52;c;cm0=\x07"
    )
    page.open(report(log.save(tmp_path / "s.ebpfaudit"), tmp_path))
    sessions = "[...document.querySelectorAll('.session')].filter(one => one.checkVisibility()).length"
    assert page.run(sessions) == 2
    for wanted, found in (("word", "0 of 4 rows, 1 line of text"), ("clipboard", "2 of 4 rows, 0 lines of text")):
        page.run("(p => { p.focus(); p.value = ''; })(document.getElementById('pattern'))")
        page.type(wanted)
        page.until(f"document.getElementById('found').textContent == {found!r}")
        assert page.run(sessions) == 1
    page.key("Escape")
    page.until(f"{sessions} == 2")


def test_a_word_that_a_full_screen_program_wrote_in_parts_is_found(page: Page, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for place, letter in enumerate(b"secret"):
        log.add("tty_out", SECOND + place * MS, data=b"\x1b[5;%dH%c" % (place + 1, letter))
    page.open(report(log.save(tmp_path / "s.ebpfaudit"), tmp_path))
    page.run("document.getElementById('pattern').focus()")
    page.type("secret")
    page.until("document.getElementById('found').textContent == '0 of 1 rows, 1 line of text'")


def nested() -> LogBuilder:
    log = start_shell(LogBuilder())
    run(log, SECOND, 101, "make", tty=1)
    run(log, 2 * SECOND, 102, "sh", "-c", "cc; ld", ppid=101, tty=1)
    run(log, 3 * SECOND, 110, "date", tty=1)
    run(log, 4 * SECOND, 103, "cc", ppid=102, tty=1)
    return run(log, 5 * SECOND, 104, "ld", ppid=102, tty=1)


VISIBLE = (
    "[...document.querySelectorAll('.commands li')].filter(row => row.checkVisibility())"
    ".map(row => row.querySelector('code').textContent).join()"
)


def test_what_a_command_has_started_folds_away_by_mouse_and_by_keys(page: Page, tmp_path: Path) -> None:
    page.open(report(nested().save(tmp_path / "s.ebpfaudit"), tmp_path))
    everything = page.run(VISIBLE)
    assert everything == "bash,make,sh -c 'cc; ld',date,cc,ld"
    names = page.run("[...document.querySelectorAll('.fold')].map(b => b.ariaLabel + ' ' + b.ariaExpanded).join()")
    assert names == "5 commands below true,3 commands below true,2 commands below true"
    page.run("document.querySelectorAll('.fold')[1].click()")
    assert page.run(VISIBLE) == "bash,make,date"
    assert page.run("document.querySelectorAll('.fold')[1].ariaExpanded") == "false"
    page.run("document.querySelectorAll('.at')[1].focus()")
    page.key("ArrowRight")
    assert page.run(VISIBLE) == everything
    for key in ("ArrowDown", "ArrowLeft"):
        page.key(key)
    assert page.run(VISIBLE) == "bash,make,sh -c 'cc; ld',date"
    page.key("ArrowLeft")
    assert page.run("document.activeElement.closest('li').textContent.includes('make')")
    page.run("document.querySelector('.foldall').click()")
    assert page.run(VISIBLE) == "bash,make,date"
    page.look(media="print")
    assert page.run(VISIBLE) == everything
    page.look()
    page.run("document.getElementById('pattern').focus()")
    page.type("ld")
    page.until(f"{VISIBLE} == \"sh -c 'cc; ld',ld\"")
    page.key("Escape")
    page.until(f"{VISIBLE} == 'bash,make,date'")
    page.run("document.querySelector('.foldall').click()")
    assert page.run(VISIBLE) == everything


def test_runs_of_a_probe_are_a_line_that_opens(page: Page, tmp_path: Path) -> None:
    probe = {"kind": "readiness probe", "argv": ["cat", "/ready"]}
    log = LogBuilder(targets=[{**TARGET, "probes": [probe]}])
    for session in range(1, 31):
        at, pid = session * SECOND, 100 + session
        log.add("session_start", at, session, pid, ns_pid=pid)
        log.add("exec", at, session, pid, ns_pid=pid, argv=argv("cat", "/ready"))
        log.add("stream_open", at, session, pid, stream=session, fd=1)
        log.add("session_end", at + 2 * MS, session, pid, exit_code=int(session == 7))
    start_shell(log, 40 * SECOND, session=31, pid=900)
    page.open(report(log.save(tmp_path / "s.ebpfaudit"), tmp_path))
    assert page.run("document.querySelectorAll('h2').length") == 3
    line = page.run("document.querySelector('.runs summary').textContent")
    assert line.startswith("30 runs of readiness probe `cat /ready` in default/victim, 2026-01-02T03:04:06Z to ")
    assert line.endswith(": 29 with exit code 0, 1 with exit code 1")
    rows = "[...document.querySelectorAll('.runs li')].filter(row => row.checkVisibility()).length"
    assert page.run(rows) == 0
    page.run("document.querySelector('.runs summary').click()")
    assert page.run(rows) == 30
    page.run("document.getElementById('pattern').focus()")
    page.type("exit 1")
    page.until(f"{rows} == 1")


def test_what_was_typed_can_be_shown(page: Page, shell: Path) -> None:
    page.open(shell)
    page.run("document.getElementById('keys').click()")
    page.run(LOAD)
    page.until("document.querySelector('[class*=keystroke]')")


def test_it_can_be_used_by_keyboard_and_named_by_a_screen_reader(page: Page, shell: Path) -> None:
    page.open(shell)
    unnamed = page.run(
        "[...document.querySelectorAll('button, input')]"
        ".filter(e => !(e.textContent || e.ariaLabel || e.labels?.length)).length"
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


MARKUP = (
    "main img, main svg:not(.strip, .ap-wrapper *), main a, main script, main b b, main iframe, "
    "[onmouseover], [onerror], [onload]"
)


def test_no_attack_in_any_place_does_anything(page: Page, tmp_path: Path) -> None:
    log = attacked_log().save(tmp_path / "s'\"<img src=x onerror=alert(1)>.ebpfaudit", split=500)
    who = Identity("<b>sure</b>", ATTACK, (Asked(ATTACK, Person(ATTACK, (ATTACK,), source_ips=(ATTACK,)), 0),))
    with opened(log) as recording:
        found = recording.parts[0].log
        kept.save(log, found.header, found.end, kept.Kept({1: who}))
    page.open(report(log, tmp_path))
    scripts = page.run("document.scripts.length")
    assert scripts == 2 + page.run("document.querySelectorAll('script[type=\"application/gzip\"]').length")
    page.run("document.getElementById('keys').click()")
    for name in ("HTML", "CSV", "format"):
        jump(page, TEXTS[name][:20])
    for text in page.run("[...document.querySelectorAll('summary')].map(one => (one.click(), one.textContent))"):
        assert text.isprintable(), ascii(text)
    for wanted in ("<img", "marker", "alert(1)", "\\u202e"):
        page.run("(p => { p.focus(); p.value = ''; })(document.getElementById('pattern'))")
        page.type(wanted)
        page.until("document.querySelector('.transcript mark')?.textContent == " + json.dumps(wanted))
    page.key("Escape")
    page.until("document.getElementById('found').textContent == ''")
    shown = page.run("document.querySelector('main').textContent")
    assert TEXTS["HTML"] in shown
    assert TEXTS["attribute"] in page.run("[...document.querySelectorAll('dd')].map(e => e.textContent).join()")
    assert not {"\u202e", "\u200b", "\x9b", "\x1b", "\x00"} & set(shown)
    assert page.run(f"document.querySelectorAll({MARKUP!r}).length") == 0
    assert page.run("document.scripts.length") == scripts
    assert page.run("location.hash + document.title.slice(0, 10)") == "Recording "


def test_ten_thousand_commands_stay_usable(page: Page, tmp_path: Path) -> None:
    log = start_shell(LogBuilder())
    for i in range(10_000):
        at = SECOND + i * 10 * MS
        log.add("exec", at, pid=1000 + i, ppid=100, ns_pid=i, argv=argv("grep", f"needle{i}", "/etc/passwd"), tty=1)
        log.add("tty_out", at, data=b"root@victim:~# grep needle /etc/passwd\r\n")
    file = report(log.save(tmp_path / "s.ebpfaudit"), tmp_path)
    page.call("Performance.enable", timeDomain="threadTicks")
    page.open(file)
    jump(page, "needle9999")
    page.run("document.getElementById('pattern').focus()")
    page.type("needle777")
    page.until("document.getElementById('found').textContent == '11 of 10,001 rows, 0 lines of text'")
    page.key("Escape")
    page.until("document.getElementById('found').textContent == ''")
    page.run("document.querySelector('.fold').click()")
    assert page.run(ROWS) == 1
    page.run("document.querySelector('.fold').click()")
    page.until("document.querySelectorAll('.commands ol:not([hidden])').length == 201")
    metrics = {one["name"]: one["value"] for one in page.call("Performance.getMetrics")["metrics"]}
    assert 0 < metrics["TaskDuration"] < 10  # seconds of the page's own CPU time, whatever else the machine does
    assert file.stat().st_size < 6 << 20
