"""Gives ``ctypes`` what it has on Windows for iphlpapi: ``windll``, ``WinDLL``, ``WinError``, and a ``DWORD`` of 32 bits.

``python3 -m tcpentry.windll PROGRAM [ARGUMENT...]`` runs a program that was written for Windows. A program that is to run on
both calls :func:`install` before it imports anything from ``ctypes.wintypes``, or uses the names of this module itself::

    from tcpentry.windll import windll, wintypes
    code = windll.iphlpapi.SetTcpEntry(ctypes.byref(row))

Importing this module gives ``ctypes.wintypes`` the sizes that its types have on Windows; :func:`install` does the rest. The
functions are those of ``libiphlpapi`` (see its manual pages), which is in this
package: nothing else has to be installed.
"""

import ctypes
import os
import runpy
import sys
import threading
from ctypes import wintypes
from typing import Any, Optional

import tcpentry._native

__all__ = [
    "FormatError",
    "GetLastError",
    "WinDLL",
    "WinError",
    "get_last_error",
    "install",
    "set_last_error",
    "windll",
    "wintypes",
]

_LAST = threading.local()


def get_last_error() -> int:
    """Returns the last error of this thread. The functions of iphlpapi return their error and don't set it."""
    return int(getattr(_LAST, "code", 0))


def set_last_error(code: int) -> int:
    """Sets it, and returns the one before."""
    before, _LAST.code = get_last_error(), code
    return before


GetLastError = get_last_error


class WinDLL(ctypes.CDLL):
    """A library of Windows that is here: ``iphlpapi``, in any spelling, and three functions of ``kernel32``."""

    def __init__(
        self,
        name: str,
        mode: int = ctypes.DEFAULT_MODE,
        handle: Optional[int] = None,
        use_errno: bool = False,
        use_last_error: bool = False,
        winmode: Optional[int] = None,
    ) -> None:
        self._windows_name = _plain(name)
        if self._windows_name not in ("iphlpapi", "kernel32"):
            raise FileNotFoundError(f"Could not find module '{name}': tcpentry.windll has iphlpapi only")
        super().__init__(tcpentry._native.__file__, mode, handle, use_errno)

    def __getattr__(self, name: str) -> Any:
        if self._windows_name == "kernel32":
            try:
                return _KERNEL32[name]
            except KeyError:
                raise AttributeError(f"function '{name}' not found") from None
        return super().__getattr__(name)


def _get_current_process_id() -> int:
    return os.getpid()


# Functions of Python, which take the attributes restype and argtypes that programs set.
_KERNEL32 = {
    "GetLastError": get_last_error,
    "SetLastError": set_last_error,
    "GetCurrentProcessId": _get_current_process_id,
}


def _plain(name: str) -> str:
    name = name.replace("\\", "/").rsplit("/", 1)[-1].lower()
    return name[:-4] if name.endswith(".dll") else name


class _Loader:
    """``ctypes.windll``: each library as an attribute, loaded once."""

    def __init__(self) -> None:
        self._loaded: dict[str, WinDLL] = {}

    def __getattr__(self, name: str) -> WinDLL:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except FileNotFoundError as error:
            raise AttributeError(str(error)) from None

    def __getitem__(self, name: str) -> WinDLL:
        plain = _plain(name)
        if plain not in self._loaded:
            self._loaded[plain] = WinDLL(name)
        return self._loaded[plain]

    def LoadLibrary(self, name: str) -> WinDLL:
        """Returns a library with types of arguments of its own."""
        return WinDLL(name)


windll = _Loader()


def FormatError(code: Optional[int] = None) -> str:
    """Returns the text of a code."""
    if code is None:
        code = get_last_error()
    buffer = ctypes.create_string_buffer(512)
    windll.iphlpapi.tcpentry_message(ctypes.c_uint32(code), buffer, ctypes.c_uint32(len(buffer)))
    return buffer.value.decode()


# The errno of a code, as Python has it on Windows.
_ERRNO = {5: 13, 8: 12, 50: 95, 87: 22, 122: 22, 317: 2, 1168: 2}


def WinError(code: Optional[int] = None, descr: Optional[str] = None) -> OSError:
    """Makes the exception of a code. It has ``winerror``."""
    if code is None:
        code = get_last_error()
    error = OSError(_ERRNO.get(code, 22), descr if descr is not None else FormatError(code).strip())
    error.winerror = code  # type: ignore[attr-defined,unused-ignore]
    return error


# The types that are `long` in wintypes, which has 64 bits here.
_LONGS = {
    "LONG": ctypes.c_int32,
    "ULONG": ctypes.c_uint32,
    "DWORD": ctypes.c_uint32,
    "LCID": ctypes.c_uint32,
    "LCTYPE": ctypes.c_uint32,
    "LGRPID": ctypes.c_uint32,
    "COLORREF": ctypes.c_uint32,
    "BOOL": ctypes.c_int32,
}


def _fix_wintypes() -> None:
    for name, type_ in _LONGS.items():
        setattr(wintypes, name, type_)
        for pointer in (f"P{name}", f"LP{name}"):
            if hasattr(wintypes, pointer):
                setattr(wintypes, pointer, ctypes.POINTER(type_))


_fix_wintypes()


def install() -> None:
    """Puts the names of this module into ``ctypes``, for code that takes them from there."""
    for name in ("FormatError", "GetLastError", "WinDLL", "WinError", "get_last_error", "set_last_error", "windll"):
        setattr(ctypes, name, globals()[name])
    setattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE)


def _main() -> None:
    if len(sys.argv) < 2:
        sys.exit("usage: python3 -m tcpentry.windll PROGRAM [ARGUMENT...]")
    del sys.argv[0]
    install()
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    _main()
