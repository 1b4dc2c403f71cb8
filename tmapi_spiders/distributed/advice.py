"""What to do about a Redis server that can't be used, judged by the error it caused."""

from __future__ import annotations

__all__ = ["advice", "may_recover"]

_PROTOCOL = (
    "It refuses HELLO, with which redis-py asks for a newer protocol: set ?protocol=2 at the end "
    'of REDIS_URL, or "protocol": 2 in REDIS_PARAMS.'
)
_START = "Start it, or set REDIS_URL or REDIS_SENTINELS to where it is."
_TLS = "If it speaks TLS there, set rediss:// in REDIS_URL, or ssl in REDIS_PARAMS."
_NO_TLS = "If it does not speak TLS there, set REDIS_URL to the port where it does, or to redis://."
_NO_MASTER = "Wait until there is one, or set REDIS_SENTINEL_SERVICE_NAME to the name they use."
_AUTHORITY = (
    "Name the CA that signed it: ssl_ca_certs=/path/to/ca.pem, in REDIS_PARAMS or the query of "
    "REDIS_URL."
)
_HOST = "In REDIS_URL, use a host that its certificate covers."
_RENEW = "It needs a new certificate."
_FILES = (
    "ssl_ca_certs, ssl_certfile and ssl_keyfile must name existing PEM files, the last two a pair."
)
_CLIENT_CERTIFICATE = (
    "If it asks its clients for a certificate, give one that its CA has signed: ssl_certfile and "
    "ssl_keyfile, in REDIS_PARAMS or the query of REDIS_URL."
)

#: How redis-py reports a server that accepts the connection and closes it at once.
_HUNG_UP = ("Connection closed by server", "while reading from", "while writing to socket")

#: What redis-py and OpenSSL say over TLS, and what to do about it; the first match counts.
#: Matched by text, since redis-py passes on nothing else from a Sentinel's connection.
_OVER_TLS = (
    (("certificate is not valid for",), _HOST),
    (("certificate has expired",), _RENEW),
    (("CERTIFICATE_VERIFY_FAILED",), _AUTHORITY),
    (("No such file", "NO_CERTIFICATE_OR_CRL_FOUND", "PEM lib", "KEY_VALUES_MISMATCH"), _FILES),
    (("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"), _NO_TLS),
    (("Timeout",), f"{_START} {_NO_TLS}"),
    (("_ALERT_", *_HUNG_UP), _CLIENT_CERTIFICATE),
)
_IN_PLAIN = ((_HUNG_UP, _TLS),)
_ALWAYS = ((("no sentinel knows",), _NO_MASTER), (("HELLO", "hello"), _PROTOCOL))


def advice(problem: Exception, *, over_tls: bool) -> str:
    """Return what to do about a problem with a server.

    >>> advice(OSError("Connection closed by server."), over_tls=False)
    'If it speaks TLS there, set rediss:// in REDIS_URL, or ssl in REDIS_PARAMS.'
    >>> advice(OSError("certificate verify failed: certificate has expired"), over_tls=True)
    'It needs a new certificate.'
    >>> advice(OSError("Connection refused"), over_tls=True)
    'Start it, or set REDIS_URL or REDIS_SENTINELS to where it is.'

    :param over_tls: whether the connection was meant to use TLS
    """
    text = str(problem)
    rows = _ALWAYS + (_OVER_TLS if over_tls else _IN_PLAIN)
    return next((what for marks, what in rows if any(mark in text for mark in marks)), _START)


def may_recover(problem: Exception, *, over_tls: bool) -> bool:
    """Return whether a server may soon be usable without anyone doing anything.

    One that accepts a connection and hangs up may be a proxy whose server has yet to start.

    >>> may_recover(OSError("Connection closed by server."), over_tls=False)
    True
    >>> may_recover(OSError("Connection refused"), over_tls=False)
    True
    >>> may_recover(OSError("certificate verify failed: certificate has expired"), over_tls=True)
    False
    """
    what = advice(problem, over_tls=over_tls)
    hung_up = any(mark in str(problem) for mark in _HUNG_UP)
    return what.startswith((_START, _NO_MASTER)) or (hung_up and what != _PROTOCOL)
