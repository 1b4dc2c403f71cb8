"""The exceptions of a call that brought no answer: Scrapy's, and two more.

They are apart from the client that raises them, so that a command can know them without loading
aiohttp.
"""

from __future__ import annotations

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)

__all__ = ["NOT_SENT", "NO_ANSWER", "OutOfFiles", "UntrustedCertificate"]


class UntrustedCertificate(DownloadFailedError):
    """The server can't prove to be the API; the token was not sent."""


class OutOfFiles(DownloadFailedError):
    """This process can't open another connection, which is not the API's fault."""


NO_ANSWER = (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
"""Exceptions of a call that brought no answer."""

NOT_SENT = (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    OutOfFiles,
    UntrustedCertificate,
)
"""Those of a call that was never sent, since there was no connection."""
