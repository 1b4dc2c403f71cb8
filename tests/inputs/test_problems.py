"""Messages about wrong input. How they are shown is tested in tests/crawl/test_usage.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, model_validator
from scrapy.settings import Settings

from tests.support import TOKEN
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.arguments import Arguments
from tmapi_spiders.local.preparation import prepare_run

GOOD = {"seeds": "/search/a/teapot.jpg"}


def refused(folder: Path, settings: Any = None, **arguments: Any) -> str:
    """Return the problems of a run that is refused; it must not create anything."""
    output = folder / "output"
    ours = {"TMAPI_TOKEN": TOKEN, "TMAPI_OUTPUT_DIR": str(output)}
    with pytest.raises(UsageProblems) as caught:
        prepare_run(Settings({**ours, **(settings or {})}), arguments)
    assert not output.exists()
    return str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "seeds: missing"),
        ({"seeds": " "}, "it is empty"),
        (GOOD | {"price": "１-２"}, "is not a price range"),
        (GOOD | {"sort": "foo,sales,bar"}, "'foo', 'bar' are not known"),
        (GOOD | {"job": "a/b"}, "letters, digits"),
        (GOOD | {"series": "x" * 60}, "1 to 47"),
        (GOOD | {"series": "x", "job": "y"}, "give one of the two"),
        (GOOD | {"price": "abc"}, "is not a price range"),
        (GOOD | {"price": "-"}, "is not a price range"),
        (GOOD | {"filters": "none+is_factory"}, "'none' is not a filter"),
        (GOOD | {"max_pages": "-1"}, "whole number from 0 up"),
        (GOOD | {"max_items": "1.5"}, "whole number from 0 up"),
        (GOOD | {"max_pages": "-0"}, "whole number from 0 up"),  # 0 would be all pages
        (GOOD | {"max_pages": "1_0"}, "whole number from 0 up"),
        (GOOD | {"max_items": "+5"}, "whole number from 0 up"),
        (GOOD | {"page_size": "５"}, "from 1 to 50"),
        (GOOD | {"page_size": "0"}, "from 1 to 50"),
        (GOOD | {"convert": "allways"}, 'Did you mean "always"?'),
        ({"job": "nix"}, "it has not run before"),
        ({"job": "x" * 300}, "1 to 64 letters"),
        ({"job": ".."}, "1 to 64 letters"),
        ({"seeds": "file:///etc/hosts"}, "no such file"),
        ({"seeds": "/etc"}, "it is a folder"),
        ({"seeds": "https://a b.example/x.jpg"}, "white space"),
    ],
)
def test_arguments(arguments: dict[str, str], message: str, tmp_path: Path) -> None:
    assert message in refused(tmp_path, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seeds": None}, "seeds: missing"),
        ({"seeds": []}, "an empty list"),
        ({"seeds": ["seeds.txt"]}, "image 1 is 'seeds.txt'; accepted in a list: images"),
        ({"seeds": ["/search/a.jpg", 7]}, "image 2 is 7; accepted in a list: images"),
        ({"seeds": ["//a.alicdn.com/1,/search/2.jpg"]}, "looks like two images"),
        ({"seeds": [f"/search/{'a' * 4_000_000}"]}, "4,000,000 characters in all"),
        ({"seeds": {"/search/a.jpg"}}, "accepted: a file (text or Path), or images"),
        ({"seeds": Path("/search/a.jpg")}, "/search/a.jpg: no such file"),
        (GOOD | {"max_pages": True}, "whole number from 0 up"),
        (GOOD | {"max_pages": 1.5}, "whole number from 0 up"),
        (GOOD | {"sort": ["sales", "slaes"]}, 'Did you mean "sales"?'),
        (GOOD | {"own": {1}}, "own={1}: job.json can't hold a set"),
    ],
)
def test_python_values(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    assert message in refused(tmp_path, **arguments)


def test_python_values_are_what_the_command_line_takes(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("/search/a.jpg\n")
    for values, text in (
        (
            {"seeds": ["//a.alicdn.com/1,2.jpg", "/search/3.jpg"]},
            "//a.alicdn.com/1,2.jpg,/search/3.jpg",
        ),
        ({"seeds": seeds}, str(seeds)),
    ):
        more = {"sort": ("sales", "default"), "price": ["0-10", "10-"], "page_size": "20"}
        nothing = {"job": None, "filters": None, "_job": "26d1b1a6"}
        given, queries = Arguments.parse(values | more | nothing | {"max_pages": 3})
        typed = {"sort": "sales,default", "price": "0-10,10-", "page_size": "20", "max_pages": "3"}
        same, others = Arguments.parse({"seeds": text, **typed})
        assert given == same
        assert [query.query_id for query in queries] == [query.query_id for query in others]


class ShopArguments(Arguments):
    shop: str = Field(description="The shop.")
    limit: int = 0

    @model_validator(mode="after")
    def _check(self) -> ShopArguments:
        if self.limit and self.shop == "none":
            raise ValueError("limit and shop: give one of the two.")
        return self


def test_a_model_of_a_projects_own() -> None:
    def problems(**given: Any) -> tuple[str, ...]:
        with pytest.raises(UsageProblems) as caught:
            ShopArguments.parse(GOOD | given)
        return caught.value.problems

    arguments, _ = ShopArguments.parse(GOOD | {"shop": "a", "limit": "7"})
    assert isinstance(arguments, ShopArguments)
    assert arguments.limit == 7
    missing, wrong = problems(limit="many")
    assert missing == "shop: missing. The shop. Example: -a shop=seeds.txt"
    assert wrong.startswith("limit=many: Input should be a valid integer")
    assert problems(shop="none", limit=1) == ("limit and shop: give one of the two.",)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("TMAPI_LEASE_SECONDS=0.5", "from 1 to 3600"),
        ("TMAPI_BUDGET=-1", "whole number from 0 up"),
        ("TMAPI_MAX_CONCURRENCY=0", "whole number from 1"),
        ("TMAPI_FAILED_OK=5", "from 0 to 1"),
        ("TMAPI_AUTH=cookie", "accepted: query, header"),
        ("TMAPI_BASE_URL=api.tmapi.io", "accepted: https://HOST"),
        ("TMAPI_SANDBOX=maybe", "accepted: 1, 0, true, false"),
        ("TMAPI_OUTPUT_DIR=README.md", "it is a file"),
    ],
)
def test_settings(setting: str, message: str, tmp_path: Path) -> None:
    name, _, value = setting.partition("=")
    problem = refused(tmp_path, {name: value}, **GOOD)
    assert message in problem
    assert TOKEN not in problem


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it holds no image"),
        (b"# only\n\n  # comments\n", "it holds no image"),
        (b"\x89PNG\r\n\x1a\n\0\0", "the API wants a URL"),
        (b"\0\1\2\3", "not a text file"),
        (b"https://a.alicdn.com/caf\xe9.jpg\n", "line 1: it is not UTF-8"),
        (b"/search/1.jpg\nlamp.jpg\nhttp://[::1\n", "line 2: 'lamp.jpg'"),
        (b"/search/1.jpg\nlamp.jpg\nhttp://[::1\n", "line 3: 'http://[::1'"),
        (b"./lamp.jpg\n", "the API wants a URL"),
        (b"file:///tmp/a.jpg\n", "the API wants a URL"),
        (b"ftp://example.com/a.jpg\n", "it is not a usable URL"),
        (b"//,\n", "it is not a usable URL"),
        (b"/search/\n", "the API wants a URL"),
        (b"https://a.alicdn.com/1.jpg,https://a.alicdn.com/2.jpg\n", "two images"),
    ],
)
def test_bad_seeds_files(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "seeds.txt"
    path.write_bytes(content)
    assert message in refused(tmp_path, seeds=str(path))


def test_a_seeds_file_that_is_garbage_is_not_quoted_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "seeds.txt"
    path.write_text("nonsense\n" * 10_000)
    log = refused(tmp_path, seeds=str(path))
    assert log.count("nonsense") == 20
    assert "seeds: 9,980 more like these, in lines 21-10000." in log
