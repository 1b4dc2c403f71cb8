"""Where settings come from, and which are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scrapy.settings import Settings

from tests.support import ROOT, TOKEN
from tmapi_spiders.config.settings import Config
from tmapi_spiders.errors import UsageProblems


def config(environ: dict[str, str] | None = None, **settings: Any) -> Config:
    environ = {"TMAPI_TOKEN": TOKEN} if environ is None else environ
    return Config.from_settings(Settings(settings), environ)


def test_a_setting_wins_over_the_environment_and_that_over_the_default() -> None:
    environ = {"TMAPI_TOKEN": TOKEN, "TMAPI_DEDUPE": "seed", "TMAPI_MAX_CONCURRENCY": "9"}
    found = config(environ, TMAPI_DEDUPE="query")
    assert (found.dedupe, found.max_concurrency, found.auth) == ("query", 9, "query")
    assert found.token.reveal() == TOKEN


def test_the_token_is_not_in_any_text() -> None:
    found = config()
    assert TOKEN not in repr(found)
    assert TOKEN not in f"{found.token} {found.token!r}"
    with pytest.raises(UsageProblems) as caught:
        config({"TMAPI_TOKEN": f"{TOKEN} with spaces"})
    assert TOKEN not in str(caught.value)


def test_the_output_folder_lies_next_to_scrapy_cfg_or_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT / "tmapi_spiders")
    assert config().output_dir == ROOT / "output"
    monkeypatch.chdir(tmp_path)
    assert config().output_dir == tmp_path / "output"
    assert config(TMAPI_OUTPUT_DIR="/x/y").output_dir == Path("/x/y")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8688", "https://api.tmapi.top/", "http://[::1]:1"]
)
def test_base_urls(url: str) -> None:
    assert config(TMAPI_BASE_URL=url).base_url.geturl() == url.rstrip("/")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TMAPI_BASE_URL", "http://api.tmapi.io"),
        ("TMAPI_BASE_URL", "http://127.0.0.1.example.com"),
        ("TMAPI_BASE_URL", "https://user@api.tmapi.io"),
        ("TMAPI_BASE_URL", "https://api.tmapi.io?x=1"),
        ("TMAPI_BASE_URL", "https://api.tmapi.io:port"),
        ("TMAPI_MAX_CONCURRENCY", "many"),
        ("TMAPI_MAX_CONCURRENCY", 2.5),
        ("TMAPI_CALL_PRICE", "nan"),
        ("TMAPI_CALL_PRICE", "inf"),
        ("TMAPI_SANDBOX_OPTIONS", "[1]"),
        ("TMAPI_SANDBOX_OPTIONS", {"prodcts": 5}),
        ("TMAPI_SANDBOX_OPTIONS", {"products": "5"}),
        ("TMAPI_SANDBOX_OPTIONS", {"products": 0}),
        ("TMAPI_SANDBOX_OPTIONS", '{"day": 1.5}'),
        ("TMAPI_RETRY_TIMES", 21),
        ("TMAPI_RETRY_DELAY", -1),
        ("TMAPI_BUDGET", 1.5),
        ("TMAPI_CONVERSION_DAYS", "a week"),
        ("TMAPI_LEASE_SECONDS", 0),
        ("TMAPI_DEDUPE", ["job"]),
    ],
)
def test_refused(name: str, value: Any) -> None:
    with pytest.raises(UsageProblems, match=name) as caught:
        config(**{name: value})
    assert len(caught.value.problems) == 1


def test_all_problems_at_once() -> None:
    with pytest.raises(UsageProblems) as caught:
        config({}, TMAPI_AUTH="x", TMAPI_FAILED_OK="2", TMAPI_TOKNE="y")
    assert len(caught.value.problems) == 4


def test_a_token_that_was_pasted_into_another_setting_is_not_shown() -> None:
    for sandbox in ("0", "1"):
        with pytest.raises(UsageProblems) as caught:
            config(TMAPI_BUDGET=TOKEN, TMAPI_SANDBOX=sandbox)
        assert TOKEN not in str(caught.value)


def test_the_sandbox_sees_no_real_token() -> None:
    assert config(TMAPI_SANDBOX="1").token.reveal() != TOKEN
