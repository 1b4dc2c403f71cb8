"""The HTTP client: what fails says so without the token."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from scrapy import Request
from scrapy.exceptions import DownloadConnectionRefusedError
from scrapy.settings import Settings

from tmapi_spiders.config.settings import Config
from tmapi_spiders.handler import TokenSigner
from tmapi_spiders.http.client import Client

if TYPE_CHECKING:
    from types import TracebackType

TOKEN = "k-1234567890-secret"


def variables(trace: TracebackType | None) -> str:
    """Return the variables of all frames, as a report of the error shows them."""
    shown = ""
    while trace is not None:
        shown += repr(trace.tb_frame.f_locals)
        trace = trace.tb_next
    return shown


@pytest.mark.parametrize("auth", ["query", "header"])
def test_an_error_shows_the_token_nowhere(auth: str) -> None:
    settings = Settings({"TMAPI_TOKEN": TOKEN, "TMAPI_AUTH": auth})
    client = Client(TokenSigner(Config.from_settings(settings)))
    with socket.socket() as taken:  # bound, but nothing listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/?page=1"

        async def send() -> None:
            try:
                await client.send(Request(url))
            finally:
                await client.close()

        with pytest.raises(DownloadConnectionRefusedError) as caught:
            asyncio.run(send())
    assert caught.value.__context__ is None
    assert TOKEN not in str(caught.value) + variables(caught.value.__traceback__)
