"""An argv as the kernel keeps it, and events hold it: each argument with a NUL at its end."""


def split(argv: bytes) -> tuple[bytes, ...]:
    """The arguments. The last may lack its NUL, as it does where it was cut."""
    return tuple(argv.removesuffix(b"\0").split(b"\0")) if argv else ()
