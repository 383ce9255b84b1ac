"""The recorder's image that belongs to this client."""

from kubectl_ebpfaudit import __version__

DEFAULT_IMAGE = f"docker.io/ebpfaudit/recorder:{__version__}"
