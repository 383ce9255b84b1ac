"""How much a registry stores of the recorder's image, and a node fetches: its layers, each compressed by gzip."""

import json
import tarfile
import zlib
from pathlib import Path
from typing import IO

_PIECE = 1 << 20
_LEVEL = 6  # gzip's own choice, and that of the tools that push images
_GZIP = 16 + zlib.MAX_WBITS


def compressed_bytes(archive: Path) -> int:
    """The size of all layers of a docker archive, as gzip leaves them."""
    total = 0
    with tarfile.open(archive) as tar:
        for name in json.loads(_read(tar, "manifest.json").read())[0]["Layers"]:
            layer, packer = _read(tar, name), zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
            while data := layer.read(_PIECE):
                total += len(packer.compress(data))
            total += len(packer.flush())
    return total


def _read(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    file = tar.extractfile(name)
    assert file, name
    return file
