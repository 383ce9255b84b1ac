"""The log of a recording: the format, a writer and a reader. Imports nothing else of this project."""
