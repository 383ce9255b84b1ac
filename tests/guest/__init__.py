"""Commands of the test-suite run as root under a real kernel, in a QEMU guest on this machine's files."""
