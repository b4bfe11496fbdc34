"""Records: all that has come over a TLS connection, by one call.

TLS comes in records of 16 KiB, and Python's ssl gives one a call, after each of which a thread has to
get the interpreter back from the others. OpenSSL itself can take many: a buffering BIO before one that
reads a connection goes on until the memory is full or no more is there (BIO_f_buffer(3), BIO_f_ssl(3)).
Called by ctypes, which lets go of the interpreter once for all of them: 4 x 1 GiB from nginx took 0.96 of
the time, and 1.1 core-seconds were idle, not 1.8.

What ssl does not tell is where OpenSSL has the connection. In CPython's object that stands between two
things whose places are known, and where they are not found where they should be, or the library is not
to be reached, there are no Records: one call a record then.
"""

from __future__ import annotations

import ctypes
import ssl
import sys
import weakref
from functools import cache
from typing import Any, cast

_BUFFER_BYTES = 4096
"""Of a buffering BIO. What is asked for beyond goes straight into the memory, and nothing is left in it."""
_SET_SSL = 109
"""BIO_C_SET_SSL (openssl/bio.h)."""
_KEEP = 0
"""BIO_NOCLOSE: the connection belongs to ssl."""
_POINTER = ctypes.c_void_p
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    # What it returns, and what it takes.
    "BIO_ctrl": (ctypes.c_long, _POINTER, ctypes.c_int, ctypes.c_long, _POINTER),
    "BIO_f_buffer": (_POINTER,),
    "BIO_f_ssl": (_POINTER,),
    "BIO_free_all": (None, _POINTER),
    "BIO_new": (_POINTER, _POINTER),
    "BIO_push": (_POINTER, _POINTER, _POINTER),
    "BIO_read": (ctypes.c_int, _POINTER, _POINTER, ctypes.c_int),
    "ERR_clear_error": (None,),
    "SSL_get_fd": (ctypes.c_int, _POINTER),
    "SSL_set_quiet_shutdown": (None, _POINTER, ctypes.c_int),
}


class Records:
    """Of an SSLSocket that does not block; for its thread, and closed before it is."""

    def __init__(self, openssl: ctypes.CDLL, connection: int) -> None:
        self._openssl = openssl
        self._bio = openssl.BIO_new(openssl.BIO_f_buffer())
        reading = openssl.BIO_new(openssl.BIO_f_ssl())
        # It says goodbye when it goes, in vain and into a socket that may be broken.
        openssl.SSL_set_quiet_shutdown(connection, 1)
        openssl.BIO_ctrl(reading, _SET_SSL, _KEEP, connection)
        openssl.BIO_push(self._bio, reading)

    def take(self, memory: memoryview) -> int:
        """Put there what has come, without waiting: how much it was. Where there is room for more, ssl
        tells what comes next: nothing yet, the end, or what broke."""
        if len(memory) <= _BUFFER_BYTES:
            return 0
        place = ctypes.c_char.from_buffer(memory)
        count = self._openssl.BIO_read(self._bio, ctypes.addressof(place), len(memory))
        return max(0, int(count))

    def close(self) -> None:
        """It can take nothing any more."""
        self._openssl.BIO_free_all(self._bio)
        self._openssl.ERR_clear_error()  # else the thread's next connection would find it


def records_of(secured: ssl.SSLSocket) -> Records | None:
    """None where OpenSSL's connection is not found."""
    openssl, connection = _openssl(), _connection_of(secured)
    if not (openssl and connection and openssl.SSL_get_fd(connection) == secured.fileno()):
        return None
    return Records(openssl, connection)


@cache
def _openssl() -> ctypes.CDLL | None:
    """The one that ssl uses, whichever others there are."""
    try:
        import _ssl

        library = ctypes.CDLL(_ssl.__file__)
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (ImportError, AttributeError, OSError):  # it may be a part of the interpreter
        return None
    return library


def _connection_of(secured: ssl.SSLSocket) -> int | None:
    """The address that stands, in the object that ssl keeps of a connection, between a weak reference to
    the socket and the context (Modules/_ssl.c, PySSLSocket)."""
    kept = cast(Any, secured)._sslobj
    begin, words = object.__basicsize__, _POINTER * 3
    if sys.implementation.name != "cpython" or kept is None:
        return None
    if type(kept).__basicsize__ < begin + ctypes.sizeof(words):
        return None
    reference, connection, context = words.from_address(id(kept) + begin)
    references = [id(each) for each in weakref.getweakrefs(secured)]
    return connection if reference in references and context == id(secured.context) else None
