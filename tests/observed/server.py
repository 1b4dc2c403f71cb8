"""A small TMAPI, written from observations of the real one, as a check on the sandbox.

The world: every image there is finds products, always the same ones, 60 unless ``size`` says
otherwise. An image is known by the last part of its URL without the extension, so
``https://cbu01.alicdn.com/img/lamp.jpg`` and ``https://shop.example/lamp.png`` are one, "lamp".
A conversion gives another path every time; a search with a path that is live finds the image's
products. Which other URLs a search reads, and what a stale path is answered, are options
(``world.Options``), as are all things that the evidence leaves open. ``sort`` and filters are
echoed and change nothing.

Scripts make calls go wrong, with the answers that ``answers`` names. A script is used up call by
call, and then the world answers again. What can only be made of a good answer (``items null``)
waits for one. Before scripts come, in this order: the route, the token, the limit of calls at a
time, ``everything``.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.observed import answers
from tests.observed.answers import Payload, Reply
from tests.observed.wire import Wire
from tests.observed.world import Options, World

if TYPE_CHECKING:
    from tests.observed.values import Truth

ROUTES = {
    ("GET", "/1688/global/search/image/v2"): "search",
    ("POST", "/1688/tools/image/convert_url"): "convert",
}

Scripted = str | tuple[str, Mapping[str, str]]
"""An answer's name, with or without headers."""


@dataclass(frozen=True)
class Call:
    """One call and how it was answered."""

    endpoint: str
    """``search``, ``convert``, or the method and path of any other."""
    params: dict[str, Any]
    """The parameters without the token, or the body of a conversion."""
    image: str
    status: int
    """0 if the connection was ended instead."""
    code: Any
    """The body's code, if it has one."""
    item_ids: tuple[int, ...]
    """The ids of items that were sent completely, in a correct answer."""
    token_in: str
    """``query``, ``header``, or "" without a token."""


class ObservedApi:
    """Serves on a free port of 127.0.0.1 from its creation to its end; a context manager.

    Takes the fields of ``Options`` by name, and ``url`` is where it serves.
    """

    def __init__(self, **options: Any) -> None:
        self.options = Options(**options)
        self._world = World(self.options)
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._scripts: dict[tuple[str, str, int | None], deque[Scripted]] = {}
        self._everything: Scripted | None = None
        self._in_flight = 0
        self.reset()
        self._wire = Wire(self.answer)
        self.url = self._wire.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._wire.close()

    # Scripting

    def script(self, image: str, page: int | None, replies: Iterable[Scripted]) -> None:
        """Script the next answers to searches of an image, for one page or any (None)."""
        self._script(("search", image, page), replies)

    def script_conversions(self, image: str, replies: Iterable[Scripted]) -> None:
        """Script the next answers to conversions of an image."""
        self._script(("convert", image, None), replies)

    def _script(self, key: tuple[str, str, int | None], replies: Iterable[Scripted]) -> None:
        added = list(replies)
        for reply in added:
            answers.check(_split(reply)[0], of_page=key[0] == "search")
        with self._lock:
            self._scripts.setdefault(key, deque()).extend(added)

    def everything(self, reply: Scripted | None) -> None:
        """Answer every call so, conversions too if possible, until None clears it."""
        if reply is not None:
            answers.check(_split(reply)[0], of_page=True)
        with self._lock:
            self._everything = reply

    def size(self, image: str, products: int) -> None:
        """Set how many products an image finds."""
        with self._lock:
            self._world.sizes[image] = products

    def register(self, path: str, image: str | None = None) -> None:
        """Register a path no conversion returned, for an image or the one it is named after."""
        with self._lock:
            self._world.add_path(path, image)

    def expire(self, image: str) -> None:
        """Make all paths stale that the image has so far."""
        with self._lock:
            self._world.expire(image)

    # Records

    def reset(self) -> None:
        """Forget the calls; paths, scripts and products stay."""
        with self._lock:
            self._log: list[Call] = []
            self.over_limit = 0
            """The number of calls refused because of the limit of concurrent calls."""
            self.max_in_flight = 0

    @property
    def log(self) -> list[Call]:
        """All calls, in the order of the answers."""
        with self._lock:
            return list(self._log)

    def calls(self, endpoint: str | None = None, image: str | None = None) -> list[Call]:
        """Return the calls to an endpoint for an image."""
        return [
            call
            for call in self.log
            if endpoint in (None, call.endpoint) and image in (None, call.image)
        ]

    def searches(self, image: str | None = None) -> int:
        return len(self.calls("search", image))

    def conversions(self, image: str | None = None) -> int:
        return len(self.calls("convert", image))

    @property
    def refused(self) -> int:
        """The number of searches answered 422, by status or by code."""
        return sum(422 in (call.status, call.code) for call in self.calls("search"))

    def paths(self, image: str | None = None) -> list[str]:
        """Return all paths, in the order they were made."""
        with self._lock:
            known = self._world.paths.items()
            return [path for path, made in known if image in (None, made.image)]

    @property
    def paths_used(self) -> set[str]:
        """The distinct paths that searches used."""
        urls = {str(call.params.get("img_url")) for call in self.calls("search")}
        return {url for url in urls if url.startswith("/search/")}

    # True values

    def truths(self, image: str) -> list[Truth]:
        """Return the true values of an image's items, in page order without overlaps."""
        with self._lock:
            return [one.truth for one in self._world.products(image)]

    def truth(self, item_id: int | str) -> Truth:
        """Return an item's true values; KeyError unless an image that has it was asked for."""
        with self._lock:
            return self._world.truths[int(item_id)]

    # How a call is answered

    def answer(self, method: str, target: str, apikey: str, body: bytes) -> Reply:
        """Answer a call and record it."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        token_in = "query" if query.pop("apiToken", "") else "header" if apikey else ""
        endpoint = ROUTES.get((method, url.path), f"{method} {url.path}")
        params: dict[str, Any] = query
        if endpoint == "convert":
            with contextlib.suppress(ValueError):
                read = json.loads(body)
                params = read if isinstance(read, dict) else {}
        with self._lock:
            self._in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self._in_flight)
            is_over = self.options.limit is not None and self._in_flight > self.options.limit
        if not is_over:
            time.sleep(self.options.latency)
        with self._lock:
            image = self._world.image_of(str(params.get("img_url", params.get("url", ""))))
            reply = self._early(endpoint, token_in, is_over=is_over)
            if reply is None:
                reply = self._scripted(endpoint, image, params, body)
            call = (endpoint, params, image, reply.status, reply.code, _ids(reply), token_in)
            self._log.append(Call(*call))
        if reply.ending == "silence":
            self._ending.wait()
        with self._lock:  # Before a byte goes out: who has the answer may call again.
            self._in_flight -= 1
        return reply

    def _early(self, endpoint: str, token_in: str, *, is_over: bool) -> Reply | None:
        """Return the answer to a call that does not reach the API."""
        if endpoint not in ROUTES.values():
            return answers.fixed("no route", "")
        if not token_in:
            return answers.fixed("no key 401", "")
        if not is_over:
            return None
        self.over_limit += 1
        return answers.fixed("status 503" if self.over_limit % 2 else "code 503", "")

    def _scripted(self, endpoint: str, image: str, params: dict[str, Any], body: bytes) -> Reply:
        """Return the first scripted answer that fits, else the world's."""
        page = str(params.get("page", "1"))
        pages = (int(page), None) if endpoint == "search" and page.isdecimal() else (None,)
        queues = [deque([self._everything])] if self._everything else []
        queues += [self._scripts.get((endpoint, image, one), deque()) for one in pages]
        good: Payload | Reply | None = None
        for queue in filter(None, queues):
            name, headers = _split(queue[0])
            reply = answers.fixed(name, self.options.refusal)
            if reply is None:
                good = good or self._real(endpoint, params, body)
                reply = None if isinstance(good, Reply) else answers.spoiled(name, good)
            if reply is not None:
                queue.popleft()
                return replace(reply, headers={**reply.headers, **headers})
        good = good or self._real(endpoint, params, body)
        return good if isinstance(good, Reply) else answers.written(good)

    def _real(self, endpoint: str, params: dict[str, Any], body: bytes) -> Payload | Reply:
        return self._world.convert(body) if endpoint == "convert" else self._world.search(params)


def _split(scripted: Scripted) -> tuple[str, Mapping[str, str]]:
    return (scripted, {}) if isinstance(scripted, str) else scripted


def _ids(reply: Reply) -> tuple[int, ...]:
    """Return the items of a correct page, or of one that only has its code as text."""
    if reply.status != 200 or str(reply.code) != "200" or reply.ending:
        return ()
    items = (json.loads(reply.body)["data"] or {}).get("items") or []
    ids = [str(item["item_id"]) for item in items]
    return tuple(int(item_id) for item_id in ids if item_id.isdecimal())
