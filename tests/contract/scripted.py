"""An API that gives each query its own random pages, and failures before some of them.

A page is the same whenever it is requested, and each of its failures comes once, so the outcome of
a query does not depend on when it asks.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.observed import answers
from tests.observed.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.observed.answers import Reply

__all__ = ["ScriptedApi"]

#: Failures that retries can overcome, and final ones.
_PASSING = ("status 500", "code 429", "html 502", "timed out", "data null", "hang up")
_FINAL = ("parameter", "denied")

#: Elements of a page that are not items.
_UNREADABLE: Sequence[Any] = ({"item_id": None}, {"item_id": "x"}, {"title": "no id"}, "text", None)


class ScriptedApi:
    """Serves on a free port of 127.0.0.1; a context manager.

    :param seed: of the random numbers
    :param tries: how often a page is asked for before its query fails
    """

    def __init__(self, seed: int, tries: int) -> None:
        self._seed = seed
        self._tries = tries
        self._lock = threading.Lock()
        self.reset()
        self._wire = Wire(self._answer)
        self.url = self._wire.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    def reset(self) -> None:
        """Forget what was asked."""
        with self._lock:
            self._failures: dict[str, deque[str]] = {}
            self.calls: Counter[str] = Counter()
            """Calls, by image."""

    def images(self, many: int) -> list[str]:
        """Return seeds; every third is a path, which can't be converted."""
        return [
            f"/search/a/{n}.jpg" if n % 3 == 0 else f"https://cbu01.alicdn.com/{n}.jpg"
            for n in range(many)
        ]

    def _answer(self, method: str, target: str, _: str, body: bytes) -> Reply:
        url = urlsplit(target)
        asked: dict[str, Any] = json.loads(body) if method == "POST" else dict(parse_qsl(url.query))
        path = str(asked.get("img_url") or asked.get("url"))
        image = path.rpartition("/")[2].removesuffix(".jpg")
        with self._lock:
            self.calls[image] += 1
            if method == "POST":
                return self._failure("convert", image) or answers.written(
                    {"code": 200, "msg": "", "data": {"image_url": f"/search/new/{image}.jpg"}}
                )
            wants_conversion = self._draw("image", image).random() < 0.15
            if wants_conversion and not path.startswith("/search/new/"):
                return answers.refusal(answers.CONVERT_FIRST, "both")
            query, page = f"{image} {asked['sort']}", int(asked["page"])
            return self._failure(query, page) or answers.written(self._page(query, page))

    def _draw(self, *about: Any) -> random.Random:
        return random.Random(f"{self._seed} {about}")

    def _failure(self, *about: Any) -> Reply | None:
        """Return how this call fails, if it does."""
        draw = self._draw("failure", about)
        if str(about) not in self._failures:
            # Answers over the limit are rare, since few concurrent calls follow them.
            how = [
                draw.choice(3 * _PASSING + ("status 503",))
                for _ in range(draw.choice([0, 0, 0, 0, 1, self._tries]))
            ]
            self._failures[str(about)] = deque(how)
        if draw.random() < 0.04:
            return answers.fixed(draw.choice(_FINAL), "both")
        left = self._failures[str(about)]
        return answers.fixed(left.popleft(), "both") if left else None

    def _page(self, query: str, page: int) -> dict[str, Any]:
        of_query, draw = self._draw("query", query), self._draw("page", query, page)
        finds_nothing, pages = of_query.random() < 0.1, of_query.choice([1, 2, 3, 9])
        few, total = of_query.random() < 0.4, of_query.choice([None, 0, 688, 5000])
        many = draw.randint(1, 4) if few else draw.randint(8, 12)
        # From a few ids, so that pages and queries share them.
        ids = draw.sample(range(1, 150), many if page <= pages and not finds_nothing else 0)
        elements: list[Any] = [{"item_id": item_id, "title": "灯"} for item_id in ids]
        if draw.random() < 0.1:  # the previous page once more
            return self._page(query, page - 1) if page > 1 else self._page(query, 2)
        for _ in range(draw.choice([0, 0, 0, 0, 1, 3]) if ids else 0):
            elements.insert(draw.randint(0, len(elements)), draw.choice(_UNREADABLE))
        data = {
            "items": elements,
            "has_next_page": page < pages or draw.random() < 0.5,
            "total_count": total,
        }
        return {"code": 200, "msg": "success", "data": data}
