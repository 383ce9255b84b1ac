"""`replay`: plays a session's terminal output on this one."""

import contextlib
import sys
from typing import Annotated

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.complaints import complain, warn_of_strangers
from kubectl_ebpfaudit.options import RecordingOrSession, Verbose
from kubectl_ebpfaudit.playing import Stage, plain_stage, raw_stage, terminal_stage
from kubectl_ebpfaudit.printing import note
from kubectl_ebpfaudit.terminals import find_terminal
from recorder.log.reader import Log
from replay import player
from replay.clock import SECOND, Clock, parse_at
from replay.errors import WrongUsage
from replay.escape import printable
from replay.model import Session
from replay.recording import opened
from replay.stream import OUT, ordered

_MAX_SPEED = 1e6
_MAX_IDLE_SECONDS = 1e9


def replay(
    recording: RecordingOrSession,
    speed: Annotated[
        str | None,
        typer.Option(
            "--speed",
            metavar="N|max",
            help="Play N times as fast; max: without a wait. [default: 1; max if stdout is no terminal]",
            show_default=False,
        ),
    ] = None,
    idle_limit: Annotated[
        float | None,
        typer.Option(
            "--idle-limit", metavar="SECONDS", min=0, help="Cut longer pauses to SECONDS.", show_default=False
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="Show the screen as it was at TIME and stop: 90, 1m30s, 00:01:30 after the start, "
            "or like 2026-01-02T03:04:05Z.",
            show_default=False,
        ),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Pass everything, also what could harm your terminal.")] = False,
    verbose: Verbose = False,
) -> None:
    """Play what a session showed on its terminal; ctrl-C stops.

    Only what draws reaches your terminal: titles, clipboard, links and queries that a program in the
    container sent are dropped. If stdout is no terminal, plain text comes out. Bytes that the recording lacks
    are named where they are missing, and the exit code is then 3.

    \b
    Example:
      kubectl ebpfaudit replay latest --speed 4 --idle-limit 1
    """
    wanted = store.resolve(recording)
    if idle_limit is not None and not idle_limit <= _MAX_IDLE_SECONDS:  # also what is no number
        raise WrongUsage(f"--idle-limit {idle_limit}: give seconds, such as 2 or 0.5")
    on_terminal = sys.stdout.isatty()
    factor = _speed(speed, on_terminal)
    with opened(wanted.path) as found:
        warn_of_strangers(found)
        chosen = find_terminal(found, wanted.session)
        log, session, tty = chosen.part.log, chosen.session, chosen.tty
        dues = player.since_start(ordered(log.events(session=session.number), tty.number, OUT), session.began)
        if at is not None:
            dues = player.until(dues, _offset(at, log, session))
        elif idle_limit is not None:
            dues = player.limit_idle(dues, int(idle_limit * SECOND))
        stage = _stage(log, raw, on_terminal)
        if on_terminal:
            _compare_sizes(tty.rows, tty.cols)
        with stage:
            player.play(player.accelerate(dues, factor), stage.show)
            if at is not None:
                stage.hold()
        lacking = f"{stage.missing:,} bytes of the output are missing" if stage.missing else ""
        complain(found, "was played", lacking, only=chosen.part)


def _speed(value: str | None, on_terminal: bool) -> float:
    if value is None:
        return 1.0 if on_terminal else player.MAX
    if value == "max":
        return player.MAX
    with contextlib.suppress(ValueError):
        speed = float(value)
        if 1 / _MAX_SPEED <= speed <= _MAX_SPEED:
            return speed
    raise WrongUsage(f"--speed {printable(value)}: give a number above 0, such as 2 or 0.5, or max")


def _offset(at: str, log: Log, session: Session) -> int:
    start = Clock(log.header).wall(session.began)
    offset = parse_at(at, start) - start
    if offset < 0:
        raise WrongUsage(f"--at {printable(at)} is before the session's start")
    return offset


def _stage(log: Log, raw: bool, on_terminal: bool) -> Stage:
    if on_terminal:
        return terminal_stage(log.header, raw)
    return raw_stage(log.header) if raw else plain_stage(log.header)


def _compare_sizes(rows: int, cols: int) -> None:
    import os

    with contextlib.suppress(OSError):
        here = os.get_terminal_size(sys.stdout.fileno())
        if rows and cols and (here.lines < rows or here.columns < cols):
            note(f"note: recorded on {cols}x{rows}, this terminal has {here.columns}x{here.lines}: enlarge it")
