"""The kubectl plugin: one module a verb. Reads recordings through `replay`, makes them with the help of `recorder`."""

from recorder.log import __version__

__all__ = ["__version__"]
