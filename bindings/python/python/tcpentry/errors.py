"""Errors: one class for each kind, all of them :class:`Error`."""

from typing import Optional


class Error(Exception):
    """An operation that did not happen.

    Its text names the operation, the connection and the cause. From Python 3.11 on, a traceback shows the hint as well.
    """

    #: The way out: the command that helps, or the right that is missing.
    hint: Optional[str]
    #: The errno, where there is one.
    errno: Optional[int]
    #: The code that ``SetTcpEntry`` has for it on Windows.
    win32: Optional[int]
    #: The condition behind the kind, such as ``no-net-admin``: what a program can act upon.
    reason: Optional[str]

    def __init__(
        self,
        message: str,
        *,
        hint: Optional[str] = None,
        errno: Optional[int] = None,
        win32: Optional[int] = None,
        reason: Optional[str] = None,
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.errno = errno
        self.win32 = win32
        self.reason = reason
        if hint is not None and hasattr(self, "add_note"):
            self.add_note(f"hint: {hint}")

    def __str__(self) -> str:
        return str(self.args[0])


class InvalidParameterError(Error, ValueError):
    """A value that names no connection, identity or namespace."""


class FilterError(InvalidParameterError):
    """A text that is not a filter."""

    #: The number of characters before the offending piece.
    column: int
    #: The number of its characters; 0 where something is missing.
    length: int
    #: The text, and a second line with carets below the offending piece.
    excerpt: str
    #: The text as it was probably meant.
    corrected: Optional[str]

    def __init__(
        self,
        message: str,
        *,
        hint: Optional[str] = None,
        column: int = 0,
        length: int = 0,
        excerpt: str = "",
        corrected: Optional[str] = None,
    ) -> None:
        super().__init__(message, hint=hint, errno=22, win32=87)
        self.column = column
        self.length = length
        self.excerpt = excerpt
        self.corrected = corrected

    def __str__(self) -> str:
        return f"{self.args[0]}\n{self.excerpt}" if self.excerpt else str(self.args[0])


class NotFoundError(Error, LookupError):
    """There is no such connection, or no longer."""


class AmbiguousError(Error):
    """The ends are those of several sockets: on several devices, or in several network namespaces."""


class OtherNetnsError(Error):
    """The identity belongs to another network namespace than those that were read."""


class RefusedError(Error):
    """A guard refuses a deletion that the kernel would do."""

    #: The guard: ``listener``, ``other-boot`` or ``subflow``.
    guard: str

    def __init__(
        self,
        message: str,
        *,
        hint: Optional[str] = None,
        errno: Optional[int] = None,
        win32: Optional[int] = None,
        reason: Optional[str] = None,
        guard: str = "",
    ) -> None:
        super().__init__(message, hint=hint, errno=errno, win32=win32, reason=reason)
        self.guard = guard


class SparedError(Error):
    """Evaluated again immediately before the deletion, it was no longer what the filter selects."""


class AccessDeniedError(Error, PermissionError):
    """The caller is not permitted to do it, or to see what a filter asks for."""


class NotElevatedError(AccessDeniedError):
    """The caller is not permitted to do it, but is an administrator: ``sudo`` helps."""


class NotSupportedError(Error):
    """This system has no way to do it."""


class SystemCallError(Error):
    """Anything else that the system reports."""


class TooManyError(Error):
    """More connections are selected than ``max``. Nothing was deleted."""

    #: The number of those that are selected.
    count: int

    def __init__(self, message: str, *, count: int = 0) -> None:
        super().__init__(message)
        self.count = count


class IncompleteWarning(UserWarning):
    """Connections may be missing from a result: a network namespace or a process could not be looked into."""
