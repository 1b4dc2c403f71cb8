"""The kind of a spider: the properties a job is bound to, and how to find it by name."""

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

#: This package's own spider; also the owner of a job that names none.
IMAGE_SEARCH = "image_search"


@attrs.frozen
class SpiderKind:
    """The properties of a spider that its jobs are bound to; a job never changes its kind."""

    name: str = IMAGE_SEARCH
    endpoint: str = SEARCH_PATH
    """Path of the API that it calls; also that of a job that names none."""
    arguments_model: type[Arguments] = Arguments

    @classmethod
    def of(cls, spider: type[Spider]) -> SpiderKind:
        """Return the kind of this package's spider or a subclass of it.

        :raises UsageProblems: if it is neither
        """
        model, endpoint = getattr(spider, "arguments_model", None), getattr(spider, "endpoint", "")
        if not (isinstance(model, type) and issubclass(model, Arguments) and endpoint):
            raise UsageProblems(
                f"spider={spider.name}: it is not ImageSearchSpider or a subclass of it, so it "
                "has no jobs."
            )
        return cls(spider.name, endpoint, model)

    def check(self, job: str, facts: Mapping[str, Any]) -> None:
        """Check that a job belongs to this spider.

        :param job: its name
        :param facts: what job.json, or the job's hash on Redis, records; {} for a new job
        :raises UsageProblems: naming the spider that it belongs to
        """
        if not facts:
            return
        own, endpoint = facts.get("spider", IMAGE_SEARCH), facts.get("endpoint", SEARCH_PATH)
        if own != self.name:
            raise UsageProblems(
                f"job={job}: it belongs to the spider {own}, and this is {self.name}. Resume it "
                f"with that one (scrapy crawl {own} -a job={job}), or choose another job name."
            )
        if endpoint != self.endpoint:
            raise UsageProblems(
                f"job={job}: it has called {endpoint}, and the spider {own} now calls "
                f"{self.endpoint}. Choose another job name; answers of two endpoints don't mix."
            )


def kind_for(
    settings: BaseSettings, facts: Mapping[str, Any], spider: str | None = None
) -> SpiderKind:
    """Return the kind of the spider that is asked for, else of the job's own.

    :param facts: what is known of the job, as for :meth:`SpiderKind.check`
    :param spider: the name of the spider that is asked for, if any
    :raises UsageProblems: if the project has no such spider
    """
    name = spider or str(facts.get("spider", IMAGE_SEARCH))
    if name == IMAGE_SEARCH:  # it needs no project
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
