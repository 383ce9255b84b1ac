"""`kubectl-ebpfaudit`, and `python -m kubectl_ebpfaudit`."""

from kubectl_ebpfaudit.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
