"""`replay`: plays a session's terminal output on this one."""

import contextlib
import sys
from typing import Annotated

import typer

from kubectl_ebpfaudit import console, playing, store
from kubectl_ebpfaudit.complaints import complain, warn_of_strangers
from kubectl_ebpfaudit.options import RecordingOrSession, Tty, Verbose
from kubectl_ebpfaudit.terminals import Found, find_terminal
from replay.clock import SECOND
from replay.errors import WrongUsage
from replay.escape import printable
from replay.plain import sized
from replay.player import pace
from replay.player.state import DEFAULT_IDLE, Player
from replay.player.story import Story
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
            "--idle-limit",
            metavar="SECONDS",
            min=0,
            help="Cut longer pauses to SECONDS. [default: 2 in the player, else none]",
            show_default=False,
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
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Begin at TIME.", show_default=False),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="End at TIME.", show_default=False),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Begin at the end, or at --from, and go on while it is being made.")
    ] = False,
    tty: Tty = None,
    raw: Annotated[bool, typer.Option("--raw", help="Pass everything, also what could harm your terminal.")] = False,
    verbose: Verbose = False,
) -> None:
    """Play what a session showed on its terminal, or printed without one, with keys: h shows them, q quits.

    Only what draws reaches your terminal: titles, clipboard, links and queries that a program in the
    container sent are dropped. If stdout is no terminal, plain text comes out, with --follow as it is recorded.
    Bytes that the recording lacks are named where they are missing, and the exit code is then 3.

    \b
    Examples:
      kubectl ebpfaudit replay latest
      kubectl ebpfaudit replay latest --at 12.5
    """
    wanted = store.resolve(recording)
    if idle_limit is not None and not idle_limit <= _MAX_IDLE_SECONDS:  # also what is no number
        raise WrongUsage(f"--idle-limit {idle_limit}: give seconds, such as 2 or 0.5")
    if at is not None and (from_ is not None or to is not None or follow):
        raise WrongUsage("--at goes without --from, --to and --follow")
    on_terminal = sys.stdout.isatty()
    factor = _speed(speed, on_terminal)
    idle = None if idle_limit is None else int(idle_limit * SECOND)
    with opened(wanted.path) as found:
        warn_of_strangers(found)
        chosen = find_terminal(found, wanted.session, tty)
        log, session = chosen.part.log, chosen.session
        start = _offset("--from", from_, chosen) or 0
        end = _offset("--to", to, chosen)
        if end is not None and end < start:
            raise WrongUsage("--to is before --from")
        # What no terminal has gone through has no screen.
        on_screen = chosen.tty.number > 0
        if at is not None and not raw and on_screen:
            missing = playing.show_screen(chosen, _offset("--at", at, chosen) or 0)
        elif not raw and console.is_usable() and on_screen:
            story = Story(log, session, chosen.tty, chosen.number, printable(session.user))
            limit = DEFAULT_IDLE if idle is None else idle
            is_made = log.end is None
            at_end = follow and from_ is None
            player = Player(story, factor, limit, follow and is_made, end, story.length if at_end else start)
            missing = playing.watch(chosen, player)
        elif follow:
            with playing.stage(log, chosen.tty, raw, on_terminal) as stage:
                stage.returns = on_terminal and not on_screen
                playing.follow(chosen, stage, None if from_ is None else start, end)
            missing = stage.missing
        else:
            end = _offset("--at", at, chosen) if at else end
            with playing.stage(log, chosen.tty, raw, on_terminal) as stage:
                stage.returns = on_terminal and not on_screen
                events = log.events(session=session.number)
                if stage.resize:
                    events = sized(events, chosen.tty.number, stage.resize)
                dues = pace.since_start(ordered(events, chosen.tty.number, OUT), session.began)
                if not on_terminal and not raw and not at:
                    dues = pace.since(dues, start)  # text needs nothing of what a screen has shown before
                dues = pace.between(dues, end or 0 if at else start, end)
                if idle is not None:
                    dues = pace.limit_idle(dues, idle)
                dues = pace.accelerate(dues, factor)
                # A size is told between two pieces: these must not be one then.
                pace.play(dues if stage.resize else pace.joined(dues), stage.show)
            missing = stage.missing
        lacking = f"{missing:,} bytes of the output are missing" if missing else ""
        complain(found, "was played", lacking, only=chosen.part)


def _speed(value: str | None, on_terminal: bool) -> float:
    if value is None:
        return 1.0 if on_terminal else pace.MAX
    if value == "max":
        return pace.MAX
    with contextlib.suppress(ValueError):
        speed = float(value)
        if 1 / _MAX_SPEED <= speed <= _MAX_SPEED:
            return speed
    raise WrongUsage(f"--speed {printable(value)}: give a number above 0, such as 2 or 0.5, or max")


def _offset(option: str, time: str | None, of: Found) -> int | None:
    """ns since the session began."""
    if time is None:
        return None
    offset = of.part.clocks.parse(time, of.session.began)
    if offset < 0:
        raise WrongUsage(f"{option} {printable(time)} is before the session's start")
    return offset
