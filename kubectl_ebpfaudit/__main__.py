"""`kubectl-ebpfaudit`, and `python -m kubectl_ebpfaudit`."""

import os
import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command line. Ctrl-C ends the program without a word also while its modules are loaded."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        if sys.argv[1:2] == ["__complete"]:  # a shell asks, and somebody waits for each key
            from kubectl_ebpfaudit.completion.answer import complete

            complete(sys.argv[2:])
            return
        from kubectl_ebpfaudit import app
    except ImportError as error:
        where = os.path.dirname(os.path.dirname(__file__))
        sys.exit(f"error: this copy of kubectl-ebpfaudit is damaged ({error}): remove {where}, or install it again")

    signal.signal(signal.SIGINT, before)
    app.main()


if __name__ == "__main__":
    main()
