"""Answers a shell that asks how a command line may go on."""

import contextlib
import os
import sys

from kubectl_ebpfaudit.completion.candidates import NO_FILES, answer
from kubectl_ebpfaudit.completion.commands import commands
from kubectl_ebpfaudit.completion.words import wanted

ASKED = "__complete"
"""What the scripts give as the first argument, as with every program made with cobra."""


def complete(words: list[str]) -> None:
    """Prints what the last of `words` may be. It is never an error that nobody knows."""
    verbs = commands()
    of = wanted(words, verbs)
    lines, directive = answer(of, verbs) if of else ([], NO_FILES)
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), "".join(f"{line}\n" for line in [*lines, f":{directive}"]).encode())


def main() -> None:
    """`kubectl_complete-ebpfaudit`, which kubectl 1.26 and newer runs."""
    complete(sys.argv[1:])
