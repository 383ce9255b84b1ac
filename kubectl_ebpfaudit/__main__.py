"""`kubectl-ebpfaudit`, and `python -m kubectl_ebpfaudit`."""

import signal

__all__ = ["main"]


def main() -> None:
    """Runs the command line. Ctrl-C ends the program without a word also while its modules are loaded."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from kubectl_ebpfaudit import app

    signal.signal(signal.SIGINT, before)
    app.main()


if __name__ == "__main__":
    main()
