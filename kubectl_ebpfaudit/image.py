"""The recorder's image that belongs to this client."""

from kubectl_ebpfaudit import __version__
from kubectl_ebpfaudit.image_digest import DIGEST

NAME = "docker.io/ebpfaudit/recorder"


def reference(digest: str) -> str:
    """The image of this version: where the digest is known nobody can put another one in its place."""
    return f"{NAME}:{__version__}" + (f"@{digest}" if digest else "")


DEFAULT_IMAGE = reference(DIGEST)
