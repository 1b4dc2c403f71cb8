"""The kind of a spider: what of it a job keeps to, and how it is found by the spider's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from scrapy.addons import AddonManager
from scrapy.spiderloader import get_spider_loader

from tmapi_spiders.api.endpoint import SEARCH_PATH
from tmapi_spiders.config.project import no_such_spider
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.arguments import Arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy import Spider
    from scrapy.settings import BaseSettings

__all__ = ["IMAGE_SEARCH", "SpiderKind", "kind_for"]

#: This package's own spider; a job that does not say whose it is is this one's.
IMAGE_SEARCH = "image_search"


@attrs.frozen
class SpiderKind:
    """What of a spider is its jobs' for ever: another one's products and arguments are others."""

    name: str = IMAGE_SEARCH
    endpoint: str = SEARCH_PATH
    """Path of what it asks of the API; a job that does not say what it asked has asked this."""
    arguments_model: type[Arguments] = Arguments

    @classmethod
    def of(cls, spider: type[Spider]) -> SpiderKind:
        """Return the kind of one of this package's spiders, or of a subclass.

        :raises UsageProblems: if it is none
        """
        model, endpoint = getattr(spider, "arguments_model", None), getattr(spider, "endpoint", "")
        if not (isinstance(model, type) and issubclass(model, Arguments) and endpoint):
            raise UsageProblems(
                f"spider={spider.name}: it is no ImageSearchSpider, nor a subclass of it, so that "
                "it has no jobs."
            )
        return cls(spider.name, endpoint, model)

    def check(self, job: str, facts: Mapping[str, Any]) -> None:
        """Make sure that a job is this spider's.

        :param job: its name
        :param facts: what job.json, or the job's hash on Redis, says of it; {} of a new one
        :raises UsageProblems: saying whose it is
        """
        if not facts:
            return
        own, endpoint = facts.get("spider", IMAGE_SEARCH), facts.get("endpoint", SEARCH_PATH)
        if own != self.name:
            raise UsageProblems(
                f"job={job}: it is of the spider {own}, and this is {self.name}. Go on with it by "
                f"its own (scrapy crawl {own} -a job={job}), or choose another job name."
            )
        if endpoint != self.endpoint:
            raise UsageProblems(
                f"job={job}: it has asked {endpoint}, and the spider {own} now asks "
                f"{self.endpoint}. Choose another job name; answers of two endpoints don't mix."
            )


def kind_for(
    settings: BaseSettings, facts: Mapping[str, Any], spider: str | None = None
) -> SpiderKind:
    """Return the kind of a spider that is known by its name: the one asked for, else the job's own.

    :param facts: what is known of the job, as for :meth:`SpiderKind.check`
    :param spider: the one asked for, if one was
    :raises UsageProblems: if the project has no such spider
    """
    name = spider or str(facts.get("spider", IMAGE_SEARCH))
    if name == IMAGE_SEARCH:  # which needs no project
        return SpiderKind()
    known = settings.copy()
    AddonManager.load_pre_crawler_settings(known)
    try:
        loader = get_spider_loader(known)
        return SpiderKind.of(loader.load(name))
    except KeyError:
        raise UsageProblems(*no_such_spider(name, loader.list(), IMAGE_SEARCH)) from None
    except ImportError as exc:
        raise UsageProblems(f"spider={name}: the project's spiders can't be loaded: {exc}") from exc
