"""Standard output: data and nothing else. A reader that has seen enough is no fault; a full disk is one."""

import errno
import json
import os
import sys
from typing import Any, TextIO

import typer

from recorder.log.errors import CannotWrite
from replay.escape import json_line, yaml_line


def emit(data: str | bytes) -> None:
    """Writes `data` to standard output at once.

    Ends the program quietly, with 0, when nobody reads any more. Raises CannotWrite.
    """
    if not data:
        return
    try:
        if isinstance(data, str):
            sys.stdout.write(data)
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except BrokenPipeError as error:
        discard(sys.stdout)
        raise typer.Exit(0) from error
    except OSError as error:
        discard(sys.stdout)
        hint = ": make room, or write elsewhere" if error.errno == errno.ENOSPC else ""
        raise CannotWrite(f"cannot write to standard output: {error.strerror}{hint}") from error


def discard(stream: TextIO) -> None:
    """Lets what is written from now on get lost: what is buffered would fail once more when the interpreter ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def settle() -> None:
    """Gives up what standard output cannot take any more: else the interpreter would try again when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        discard(sys.stdout)


def say(line: str) -> None:
    """One line, safe to print, on standard error. That nobody can read it changes nothing."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def note(line: str) -> None:
    """The same, after what went to standard output before."""
    sys.stdout.flush()
    say(line)


def as_json(value: Any) -> str:
    """`value` as indented JSON that is safe on a terminal."""
    lines = json.dumps(value, ensure_ascii=False, indent=2).split("\n")
    return "".join(f"{json_line(line)}\n" for line in lines)


def as_yaml(value: Any) -> str:
    """`value` as YAML that is safe on a terminal."""
    import yaml  # slow to import

    class Dumper(yaml.SafeDumper):
        """Puts text that must be escaped into double quotes, the only place where YAML has escapes."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = None if text.isprintable() else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent)
    text = yaml.dump(value, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=1 << 30)
    return "".join(f"{yaml_line(line)}\n" for line in text.removesuffix("\n").split("\n"))


def as_data(value: Any, output: str) -> str:
    """`value` in the form that -o asks for: "json" or "yaml"."""
    return as_yaml(value) if output == "yaml" else as_json(value)
