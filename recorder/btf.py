"""Byte offsets of kernel struct fields, from the running kernel's own BTF through libbpf.

The layout of kernel structs differs between kernels; /sys/kernel/btf/vmlinux describes the one that
runs (Documentation/bpf/btf.rst). libbpf parses it; this module walks what libbpf gives.
"""

import ctypes
import struct
from collections.abc import Iterator
from functools import cached_property

from recorder import bpf
from recorder.log.errors import NoBtf

KIND_STRUCT, KIND_UNION, KIND_ENUM, KIND_FUNC = 4, 5, 6, 12  # include/uapi/linux/btf.h
_PROG_TYPE_TRACING = 26  # include/uapi/linux/bpf.h
_ENUMERATOR = struct.Struct("=Ii")  # struct btf_enum
_FIXED = struct.Struct("=III")  # struct btf_type and struct btf_member are three u32 each


class Btf:
    """BTF of the running kernel.

    Raises NoBtf if the kernel has none or libbpf is missing.
    """

    def __init__(self) -> None:
        try:
            self._lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
        except OSError as error:
            raise NoBtf(f"libbpf.so.1 cannot be loaded ({error}): install the package libbpf1") from error
        lib = self._lib
        lib.btf__load_vmlinux_btf.restype = ctypes.c_void_p
        lib.btf__find_by_name_kind.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32]
        lib.btf__type_by_id.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
        lib.btf__type_by_id.restype = ctypes.c_void_p
        lib.btf__name_by_offset.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
        lib.btf__name_by_offset.restype = ctypes.c_char_p
        lib.btf__resolve_size.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
        lib.btf__resolve_size.restype = ctypes.c_int64
        if not self._btf:
            raise NoBtf(
                "this kernel has no type information: /sys/kernel/btf/vmlinux cannot be read; "
                "a kernel built with CONFIG_DEBUG_INFO_BTF is needed"
            )

    @cached_property
    def _btf(self) -> int | None:
        pointer = self._lib.btf__load_vmlinux_btf()
        # libbpf 1.x gives NULL for an error; older modes give a small negative number.
        return pointer if pointer and pointer < (1 << 64) - 4096 else None

    def has_function(self, name: str) -> bool:
        """Whether the kernel has a function of that name that BTF describes (fexit needs it)."""
        return self._find(name, KIND_FUNC) > 0

    def allows_tracing(self) -> bool:
        """Whether the kernel loads programs of type tracing, which fexit needs, for this process."""
        return bool(self._lib.libbpf_probe_bpf_prog_type(_PROG_TYPE_TRACING, None) == 1)

    def attaches_tracing(self, function: str) -> bool:
        """Whether it attaches them to this function of its own, which BTF describes.

        A kernel that can has register_ftrace_direct(), CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS. Of others it is tried,
        since BTF does not name every function. Without this look each kind that fexit serves costs a compilation.
        """
        if self.has_function("register_ftrace_direct"):
            return True
        return bpf.attaches_fexit(self._find(function, KIND_FUNC))

    def size(self, name: str) -> int | None:
        """Size of `struct name` in bytes; None if there is no such struct."""
        type_id = self._find(name, KIND_STRUCT)
        return self._lib.btf__resolve_size(self._btf, type_id) if type_id > 0 else None

    def offset(self, path: str) -> int | None:
        """Byte offset of a field such as `tty_struct.winsize` or `tty_struct.ctrl.session`.

        Fields of anonymous structs and unions are found as in C. None if there is no such field.
        """
        name, *fields = path.split(".")
        type_id, bits = self._find(name, KIND_STRUCT), 0
        for field in fields:
            found = self._member(type_id, field, bits) if type_id > 0 else None
            if found is None:
                return None
            type_id, bits = found
        return bits // 8

    def constant(self, enum: str, name: str) -> int | None:
        """The value of a constant of `enum`, of 32 bits; None if there is no such constant."""
        type_id = self._find(enum, KIND_ENUM)
        if type_id <= 0:
            return None
        address = self._lib.btf__type_by_id(self._btf, type_id)
        _, info, _ = _FIXED.unpack(ctypes.string_at(address, 12))
        for text, value in _ENUMERATOR.iter_unpack(ctypes.string_at(address + 12, 8 * (info & 0xFFFF))):
            if (self._lib.btf__name_by_offset(self._btf, text) or b"").decode() == name:
                return int(value)
        return None

    def _find(self, name: str, kind: int) -> int:
        return int(self._lib.btf__find_by_name_kind(self._btf, name.encode(), kind))

    def _members(self, type_id: int) -> Iterator[tuple[str, int, int]]:
        address = self._lib.btf__type_by_id(self._btf, type_id)
        _, info, _ = _FIXED.unpack(ctypes.string_at(address, 12))
        count, bitfields = info & 0xFFFF, info >> 31
        for name, member, offset in _FIXED.iter_unpack(ctypes.string_at(address + 12, 12 * count)):
            text = self._lib.btf__name_by_offset(self._btf, name) or b""
            yield text.decode(), member, offset & 0xFFFFFF if bitfields else offset

    def _is_aggregate(self, type_id: int) -> bool:
        address = self._lib.btf__type_by_id(self._btf, type_id)
        kind = _FIXED.unpack(ctypes.string_at(address, 12))[1] >> 24 & 0x1F
        return kind in (KIND_STRUCT, KIND_UNION)

    def _member(self, type_id: int, field: str, bits: int) -> tuple[int, int] | None:
        if not self._is_aggregate(type_id):
            return None
        for name, member, offset in self._members(type_id):
            if name == field:
                return member, bits + offset
            if not name and (found := self._member(member, field, bits + offset)):
                return found
        return None
