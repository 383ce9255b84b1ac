"""The log of a recording: the format, a writer and a reader. Imports nothing else of this project."""

__version__ = "0.1.0"
"""The program's version: here, since this is what the client and the recorder share."""
