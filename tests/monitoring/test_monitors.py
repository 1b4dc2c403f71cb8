"""What users see of the monitors, and who is notified."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.settings import Settings
from spidermon.contrib.actions.telegram import SimplyTelegramClient

from tests.compare.days import Series, item
from tests.monitoring.receivers import HttpReceiver, MailReceiver
from tests.support import ROOT, TOKEN, Crawler, SandboxThread
from tmapi_spiders.config.channels import CHANNELS
from tmapi_spiders.config.settings import Config
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.monitoring.actions import chat

if TYPE_CHECKING:
    from pathlib import Path

ENABLED = ("-s", "SPIDERMON_ENABLED=True")

ADD_ON = 'ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}\n'


def monitors_of(text: str) -> dict[str, str]:
    """Return what a summary says about each monitor that failed; "" is the line above them."""
    found = re.search(r"^  monitors: (.*)\n((?:    .*\n)*)", text, re.MULTILINE)
    assert found, text
    lines = dict(line.strip().split(": ", 1) for line in found[2].splitlines())
    return {"": found[1], **lines}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project that has the add-on."""
    folder = tmp_path / "shop"
    (folder / "shop" / "spiders").mkdir(parents=True)
    (folder / "scrapy.cfg").write_text("[settings]\ndefault = shop.settings\n")
    (folder / "shop" / "__init__.py").touch()
    (folder / "shop" / "spiders" / "__init__.py").touch()
    (folder / "shop" / "settings.py").write_text(
        f'{ADD_ON}BOT_NAME = "shop"\nSPIDER_MODULES = ["shop.spiders"]\nLOG_LEVEL = "DEBUG"\n'
    )
    return folder


def add(project: Path, settings: str) -> None:
    with (project / "shop" / "settings.py").open("a") as file:
        file.write(settings)


def test_a_good_job_passes_and_no_one_is_notified(crawl: Crawler) -> None:
    with HttpReceiver() as receiver:
        webhook = f"SPIDERMON_DISCORD_WEBHOOK_URL={receiver.url}/hook"
        done = crawl(*ENABLED, "-s", webhook, seeds="/search/a/teapot.jpg", max_pages=2)
    assert done.exit_status == 0
    assert monitors_of(done.log) == {"": "7 passed, 4 had nothing to judge"}
    assert "prices/are sane... SKIPPED (the job belongs to no series" in done.log
    assert "budget/is enough... SKIPPED (no budget)" in done.log
    assert "'tmapi/monitor/passed': 11" in done.log
    assert receiver.told == []


def test_without_the_setting_there_are_none(crawl: Crawler) -> None:
    done = crawl(seeds="/search/a/onepage.jpg")
    assert done.exit_status == 0
    assert "monitor" not in done.log.lower()


def test_each_monitor_has_its_threshold(tmp_path: Path) -> None:
    # One call at a time, but many start: some are refused. "mixed" has items without an id.
    sandbox = SandboxThread(limit=1, latency=0.02)
    thresholds = {
        "QUERIES": "0.9",
        "FIELDS": '{"is_ad": 0.99, "title": 0.5, "shpo": 1}',
        "REJECTED": "0",
        "DUPLICATES": "0.1",
        "REFUSALS": "0",
        "CALLS": "0.01",
        "BUDGET": "0.001",
    }
    options = [f"TMAPI_MONITOR_{name}={value}" for name, value in thresholds.items()]
    options += ["SPIDERMON_ENABLED=1", "TMAPI_BUDGET=1000", "TMAPI_FAILED_OK=0.5"]
    try:
        done = Crawler(tmp_path / "output", sandbox.url)(
            *[word for option in options for word in ("-s", option)],
            seeds="/search/a/mixed.jpg,/search/a/teapot.jpg,/search/a/fail-422-denied.jpg",
            sort="default,sales",
            max_pages=2,
        )
    finally:
        sandbox.stop()
    found = monitors_of(done.log)
    assert found.pop("") == "7 of 11 failed, 3 had nothing to judge"
    products, sightings, calls = len(done.products), len(done.sightings), done.job["calls"]
    assert found.pop("queries").startswith(
        "4 of 6 queries ended complete or empty (66.7 %); at least 90 % (TMAPI_MONITOR_QUERIES). "
        "The others: 2 failed (422: Access to the image has been denied"
    )
    fields = found.pop("fields")
    assert fields.startswith(f"too few of {products} products have a value: is_ad ")
    assert fields.endswith("shpo 0 % (at least 100 %) (TMAPI_MONITOR_FIELDS)")
    assert "title" not in fields
    duplicates = f"{sightings - products} of {sightings} products duplicates ("
    assert found.pop("duplicates").startswith(duplicates)
    rejected = sum(outcome["rejected_items"] for outcome in done.outcomes)
    assert found.pop("rejected").startswith(f"{rejected} of {sightings + rejected} products ")
    assert found.pop("calls").startswith(f"{calls} calls for {products} products: ")
    assert found.pop("budget").startswith(f"{calls} of 1,000 calls of the budget (")
    refused = re.search(r"'tmapi/call/over_limit': (\d+)", done.log)
    assert refused
    assert found.pop("refusals").startswith(f"{refused[1]} of ")
    assert not found
    # Two of six failed, which TMAPI_FAILED_OK allows: monitors don't change the exit status.
    assert done.exit_status == 0


def test_fewer_products_than_the_last_job_had(crawl: Crawler) -> None:
    before = Series(crawl.output).day(1, source=crawl.url.removeprefix("http://"))
    before.query("A", *map(item, range(1, 31))).query("A", item(1), language="ru").write()
    job = "watch-20991231T180000Z"
    process = crawl.start(*ENABLED, job=job, seeds="/search/a/onepage.jpg")
    done = crawl.finish(process, job)
    assert done.exit_status == 0
    found = monitors_of(done.log)
    assert found["volume"] == (
        "7 products, and 31 in watch-20261101T180000Z (22.6 %); at least 50 % "
        "(TMAPI_MONITOR_VOLUME)"
    )
    assert found["gone"] == (
        "31 of 31 products of watch-20261101T180000Z gone (100 %); at most 30 % "
        "(TMAPI_MONITOR_GONE)"
    )
    off = ["-s", "TMAPI_MONITOR_VOLUME=0", "-s", "TMAPI_MONITOR_GONE=1"]
    again = crawl.finish(crawl.start(*ENABLED, *off, job=job), job)
    assert not {"volume", "gone"} & set(monitors_of(again.log))


def test_a_stop_is_reported(crawl: Crawler) -> None:
    done = crawl(*ENABLED, seeds="/search/a/fail-status-401.jpg")
    assert done.exit_status == 4
    found = monitors_of(done.log)
    assert "(stopped early: auth)" in found["queries"]
    assert "fields/have values... SKIPPED (no products)" in done.log


SECRETS = {
    "SPIDERMON_SLACK_SENDER_TOKEN": "xoxb-slack-secret",
    "SPIDERMON_TELEGRAM_SENDER_TOKEN": "123:telegram-secret",
    "SPIDERMON_SMTP_PASSWORD": "mail-secret",
}

#: Their addresses are fixed in the libraries.
ELSEWHERE = """
from functools import partial
import slack_sdk
slack_sdk.WebClient = partial(slack_sdk.WebClient, base_url="{url}/slack/")
from spidermon.contrib.actions.telegram import SimplyTelegramClient
api = SimplyTelegramClient.send_message_api
SimplyTelegramClient.send_message_api = api.replace("https://api.telegram.org", "{url}/telegram")
"""


def test_all_channels_get_a_message_about_prices_that_jumped(
    project: Path, sandbox: SandboxThread
) -> None:
    crawl = Crawler(project / "out & put_#1", sandbox.url, project)
    seeds = "/search/a/teapot.jpg,/search/a/lamp.jpg"
    first = crawl(*ENABLED, "-s", "TMAPI_BUDGET=100", series="watch", seeds=seeds, max_pages=1)
    assert monitors_of(first.log) == {"": "8 passed, 3 had nothing to judge"}
    assert "SKIPPED (the series has no earlier job)" in first.log
    (before,) = crawl.output.glob("watch-*")
    products = before / "products.jsonl"
    products.write_text(re.sub(r'"price":"(\d+)\.', r'"price":"\g<1>00.', products.read_text()))
    with HttpReceiver() as receiver, MailReceiver() as mail:
        add(project, ELSEWHERE.format(url=receiver.url))
        variables = SECRETS | {
            "SPIDERMON_ENABLED": "1",
            "SPIDERMON_SLACK_RECIPIENTS": "#buyers",
            "SPIDERMON_TELEGRAM_RECIPIENTS": "42",
            "SPIDERMON_DISCORD_WEBHOOK_URL": f"{receiver.url}/discord/webhook-secret",
            "SPIDERMON_SMTP_HOST": "127.0.0.1",
            "SPIDERMON_SMTP_PORT": str(mail.port),
            "SPIDERMON_SMTP_USER": "shop",
            "SPIDERMON_EMAIL_SENDER": "crawl@example.com",
            "SPIDERMON_EMAIL_TO": "a@example.com, b@example.com",
            "SPIDERMON_SENTRY_DSN": f"http://public@127.0.0.1:{receiver.port}/1",
        }
        process = crawl.start(env=variables, series="watch", seeds=seeds, max_pages=1)
        done = crawl.finish(process)
    assert done.exit_status == 0
    assert done.log.count("... FAIL") == 1
    found = monitors_of(done.log)["prices"]
    (folder,) = set(crawl.output.glob("watch-*")) - {before}
    assert f"moved by more than 50 % (TMAPI_MONITOR_PRICE_MOVE) since {before.name}" in found
    assert found.endswith("at most 20 % (TMAPI_MONITOR_PRICES_MOVED)")
    text = (
        f"{folder.name}: monitors: 1 of 11 failed, 1 had nothing to judge\n"
        f"prices: {found}\n"
        f"exit status 0, files in {folder}"
    )
    slack = receiver.of("/slack/chat.postMessage")
    told = slack.form if slack.body.startswith(b"channel=") else slack.json
    assert text in (told["text"] if isinstance(told["text"], str) else told["text"][0])
    telegram = receiver.of("/telegram/bot123:telegram-secret/sendMessage").query
    assert (telegram["chat_id"], telegram["text"]) == (["42"], [f"```\n{text}\n```"])
    assert receiver.of("/discord/").json == {"content": f"```\n{text}\n```"}
    event = receiver.of("/api/1/").event
    assert text in event["message"]
    assert event["level"] == "error"
    (letter,) = mail.mails
    assert letter["Subject"].strip() == text.splitlines()[0]
    assert letter.get_content().replace("\r\n", "\n").strip() == text
    assert mail.recipients == ["a@example.com", "b@example.com"]
    assert mail.logins
    for secret in (*SECRETS.values(), "webhook-secret", TOKEN):
        assert secret not in done.log
        told_elsewhere = [one for one in receiver.told if secret.encode() in one.body]
        assert all(one is slack or "slack" in one.path for one in told_elsewhere)
    # Prices that an older version read differently are not compared.
    older = json.loads((folder / "job.json").read_text())
    del older["readers"]
    (folder / "job.json").write_text(json.dumps(older))
    last = crawl(*ENABLED, series="watch", seeds=seeds, max_pages=1)
    assert (
        f"SKIPPED ({folder.name} was read by another version, which read prices differently"
        in last.log
    )


def test_a_channel_that_fails_is_named_without_secrets(crawl: Crawler) -> None:
    telegram = ["SPIDERMON_TELEGRAM_SENDER_TOKEN=123:bot-secret", "SPIDERMON_TELEGRAM_RECIPIENTS=4"]
    options = [*telegram, "TMAPI_MONITOR_CALLS=0", "LOG_LEVEL=DEBUG"]
    with HttpReceiver(status=404) as receiver:
        options.append(f"SPIDERMON_DISCORD_WEBHOOK_URL={receiver.url}/webhook-secret")
        done = crawl(
            *ENABLED,
            *[word for option in options for word in ("-s", option)],
            seeds="/search/a/onepage.jpg",
            env={"https_proxy": "http://127.0.0.1:9"},  # Telegram is not to be asked
        )
    assert done.exit_status == 0
    assert monitors_of(done.log)["calls"] == (
        "1 call for 7 products: 0.143 each; at most 0 per product (TMAPI_MONITOR_CALLS)"
    )
    assert "    not sent to Discord: HTTPError (HTTP 404)\n" in done.log
    assert "    not sent to Telegram: ProxyError\n" in done.log
    assert "secret" not in done.log


def test_a_refusal_by_telegram_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpReceiver(answer=b'{"ok": false, "error_code": 401}') as receiver:
        api = SimplyTelegramClient.send_message_api
        there = api.replace("https://api.telegram.org", receiver.url)
        monkeypatch.setattr(SimplyTelegramClient, "send_message_api", there)
        action = chat._CheckedTelegram(sender_token="123:x", recipients=["4"], message="lamps")
        action.data = action.result = None
        monkeypatch.setattr(action, "get_message", lambda: "lamps")
        with pytest.raises(chat.Refused):
            action.run_action()


OWN_SUITE = """
import json
from pathlib import Path
from spidermon import Action, Monitor
from spidermon.contrib.actions.reports.files import CreateFileReport
from tmapi_spiders.monitoring.judged_job import judged_of
from tmapi_spiders.monitoring.message import message
from tmapi_spiders.monitoring.monitors import JobMonitor
from tmapi_spiders.monitoring.suite import JobMonitors

class Keep(Action):
    def run_action(self):
        job = judged_of(self.data)
        Path("kept.json").write_text(json.dumps({
            "message": message(job, self.result),
            "job": json.loads((job.folder / "job.json").read_text()),
            "products": len(list(job.products())),
            "calls": self.data.stats["tmapi/call/all_runs"],
        }))

class Report(CreateFileReport):
    template = "reports/email/monitors/result.jinja"
    filename = "report.html"

class Mine(Monitor):
    def test_mine(self):
        self.assertEqual(self.data.stats["finish_reason"], "finished")

class Stock(JobMonitor):
    def test_stock(self):
        self.assertTrue(any(row["moq"] for row in self.job.products()))

class Suite(JobMonitors):
    monitors = [*JobMonitors.monitors, Mine, Stock]
    monitors_finished_actions = [Keep, Report]
"""


def test_a_suite_of_the_projects_own_sees_the_last_figures(
    project: Path, sandbox: SandboxThread
) -> None:
    (project / "shop" / "own.py").write_text(OWN_SUITE)
    add(
        project,
        'SPIDERMON_ENABLED = True\nSPIDERMON_SPIDER_CLOSE_MONITORS = ["shop.own.Suite"]\n'
        'EXTENSIONS = {"spidermon.contrib.scrapy.extensions.Spidermon": 500}\n',
    )
    # Spidermon's report gets the time in a way that Python 3.12 deprecates.
    variables = {"PYTHONWARNINGS": "error,ignore:datetime.datetime.utcnow:DeprecationWarning"}
    crawl = Crawler(project / "output", sandbox.url, project, variables=variables)
    done = crawl(seeds="/search/a/teapot.jpg")
    assert done.exit_status == 0
    assert done.log.count("Mine/test_mine... OK") == 1, "judged twice, by both extensions"
    kept = json.loads((project / "kept.json").read_text())
    assert kept["message"].startswith("j: monitors: 9 passed, 4 had nothing to judge\nNothing is")
    assert kept["job"] == done.job
    assert kept["job"]["running"] is False
    assert kept["products"] == len(done.products) > 0
    assert kept["calls"] == done.job["calls"]
    assert "complete or empty" in (project / "report.html").read_text()
    # Afterwards it judges the same, by the stats from job.json.
    (project / "kept.json").unlink()
    checked = crawl.command("tmapi", "check", "j")
    assert checked.exit_status == 0, checked.log
    assert monitors_of(checked.stdout) == monitors_of(done.log)
    assert json.loads((project / "kept.json").read_text()) == kept


def test_another_spider_of_the_project_is_left_alone(project: Path) -> None:
    (project / "shop" / "spiders" / "plain.py").write_text(
        "import scrapy\n"
        "class PlainSpider(scrapy.Spider):\n"
        "    name = 'plain'\n"
        "    start_urls = ['data:,hello']\n"
        "    def parse(self, response):\n"
        "        yield {'extensions': list(self.settings.getdict('EXTENSIONS')),\n"
        "               'suites': self.settings.get('SPIDERMON_SPIDER_CLOSE_MONITORS')}\n"
    )
    add(project, "SPIDERMON_ENABLED = True\n")
    crawl = Crawler(project / "output", project=project)
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "crawl", "plain", "-O", "-:jsonl"],
        cwd=project,
        env=crawl.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == {"extensions": [], "suites": None}
    assert "[Spidermon]" not in done.stderr


def test_missing_spidermon_is_reported(crawl: Crawler, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['spidermon'] = None\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    done = crawl(*ENABLED, seeds="/search/a/teapot.jpg", env={"PYTHONPATH": path})
    assert done.exit_status == 2
    _, said = done.log.split("image_search: nothing was sent.\n")
    assert said.startswith("  SPIDERMON_ENABLED: spidermon is not installed.")
    assert "tmapi_spiders[monitoring]" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "output").exists()


def config(**settings: Any) -> Config:
    return Config.from_settings(Settings(settings), {"TMAPI_TOKEN": TOKEN})


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"SPIDERMON_ENABLED": "maybe"}, "SPIDERMON_ENABLED=maybe: accepted: 1, 0, True, False."),
        (
            {"SPIDERMON_ENABLED": "1", "SPIDERMON_SLACK_SENDER_TOKEN": "secret"},
            "SPIDERMON_SLACK_RECIPIENTS: missing; Slack needs it together with SPIDERMON_SLACK_S",
        ),
        (
            {"TMAPI_MONITOR_FIELDS": '{"price": 95}'},
            'TMAPI_MONITOR_FIELDS={"price": 95}: accepted: an object of fields and shares from 0 ',
        ),
        ({"TMAPI_MONITOR_QUERIES": "95"}, "TMAPI_MONITOR_QUERIES=95: accepted: a number from 0 to"),
    ],
)
def test_wrong_settings_are_reported_at_the_start(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageProblems) as caught:
        config(**settings)
    (only,) = caught.value.problems
    assert only.startswith(problem)
    assert "secret" not in only


@pytest.mark.parametrize(
    "settings",
    [
        {"SPIDERMON_SLACK_SENDER_TOKEN": "not enabled"},
        {"SPIDERMON_ENABLED": True, "SPIDERMON_SPIDER_CLOSE_MONITORS": ["own"]}
        | {"SPIDERMON_SLACK_SENDER_TOKEN": "the project's own business"},
    ],
)
def test_unused_settings_are_not_checked(settings: dict[str, Any]) -> None:
    config(**settings)


DOCS = (ROOT / "docs" / "monitoring.md").read_text("utf-8")


def test_every_threshold_is_in_the_docs() -> None:
    documented = dict(re.findall(r"`(TMAPI_MONITOR_\w+)` \| `([^`]*)` \|", DOCS))
    for name, field in Config.model_fields.items():
        if name.startswith("monitor_"):
            default = documented.pop(f"TMAPI_{name.upper()}")
            assert json.loads(default) == field.default, name
    assert not documented


def test_every_credential_is_in_the_docs() -> None:
    for channel in CHANNELS:
        (row,) = [line for line in DOCS.splitlines() if line.startswith(f"| {channel.name} |")]
        assert all(f"`{name}`" in row for name in channel.settings)
