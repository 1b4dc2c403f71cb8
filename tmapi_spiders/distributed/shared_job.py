"""A job on Redis: what all of its workers have to agree on."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from tmapi_spiders import __version__
from tmapi_spiders.config.settings import PREFIX, given_value
from tmapi_spiders.distributed.damage import check_facts
from tmapi_spiders.distributed.dead_letter import query_task
from tmapi_spiders.distributed.keys import (
    EXAMPLE,
    JOBS,
    OVER_LIMIT,
    STRUCK,
    UNREADABLE,
    account_key,
    job_key,
)
from tmapi_spiders.distributed.replies import number
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.formats import utc_now
from tmapi_spiders.inputs.queries import Query
from tmapi_spiders.inputs.seed import Seed
from tmapi_spiders.inputs.spider_kind import SpiderKind
from tmapi_spiders.items import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from redis import Redis
    from scrapy.settings import BaseSettings

    from tmapi_spiders.config.settings import Config
    from tmapi_spiders.inputs.arguments import Arguments

__all__ = ["SCHEMA", "SharedJob", "facts_of", "refusals_of", "unreadable_of"]

#: Version of everything under a job's keys; raised when older workers can no longer take part.
SCHEMA = 4

#: Settings that belong to the job: a worker that sets other values is refused.
_SETTINGS = ("budget", "max_concurrency", "dedupe")

_DEFAULT_KIND = SpiderKind()

_PLACEHOLDER = "/search/placeholder.jpg"

#: Arguments that are not stored with the job.
_NOT_KEPT = {"seeds", "columns", "sheet", "job", "series", "keep_alive"}


def facts_of(server: Redis, name: str) -> dict[str, str]:
    """Return the job's hash; {} if there is no such job."""
    found: dict[bytes, bytes] = server.hgetall(f"{job_key(name)}:job")  # type: ignore[assignment]
    return {field.decode(): value.decode("utf-8", "replace") for field, value in found.items()}


def unreadable_of(facts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return which fields of the job's items could not be read, in the form a run reports it.

    :param facts: the job's hash

    >>> unreadable_of({"unreadable:price": "3", "unread_example:price": "'9,90'"})
    {'price': {'items': 3, 'example': "'9,90'"}}
    """
    found = {
        field.removeprefix(UNREADABLE): number(value)
        for field, value in facts.items()
        if field.startswith(UNREADABLE)
    }
    return {
        field: {"items": items, "example": facts.get(EXAMPLE + field, "?")}
        for field, items in sorted(found.items(), key=lambda one: -one[1])
    }


def refusals_of(facts: Mapping[str, str]) -> dict[str, int] | None:
    """Return how many calls were sent, and how many of them were refused over the limit.

    :param facts: the job's hash
    :return: None for a job of an older version, which did not count them

    >>> refusals_of({"calls": "10", "struck": "3", "over_limit": "2"})
    {'sent': 13, 'refused': 2}
    """
    if OVER_LIMIT not in facts:
        return None
    sent = number(facts.get("calls")) + number(facts.get(STRUCK))
    return {"sent": sent, "refused": number(facts[OVER_LIMIT])}


def _object(name: str, facts: Mapping[str, str], field: str) -> dict[str, Any]:
    """Return the JSON object in a field of a job's hash.

    :raises StorageError: if it is not one
    """
    try:
        found = orjson.loads(facts.get(field) or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StorageError(
            f"job={name}: Redis, key {job_key(name)}:job, field {field}: it is not a JSON object. "
            f"If someone has edited it: scrapy tmapi delete {name}"
        )
    return found


@attrs.frozen
class SharedJob:
    """One job, as it is stored on Redis."""

    name: str
    id: str
    """Differs for a job that was deleted and created again under the same name."""
    kind: SpiderKind
    """The kind of its spider."""
    arguments: Arguments
    source: str
    budget: int
    max_concurrency: int
    dedupe: str
    account: str
    """Prefix of the account's keys."""
    readers: dict[str, int] = attrs.field(factory=dict)
    """For each field of a product, the version of its reader; empty for an older job."""
    stops: int = 0

    @property
    def keys(self) -> tuple[str, str]:
        """Prefixes of the job's and of the account's keys."""
        return job_key(self.name), self.account

    def with_stops(self, stops: int) -> SharedJob:
        """Return the job with this number of stops."""
        return attrs.evolve(self, stops=stops)

    def queries_of(self, seed: Seed) -> list[Query]:
        """Return a seed's queries, in the order of their numbers."""
        combinations = seed.overrides.applied_to(self.arguments.combinations)
        return [Query(seed, *combination) for combination in combinations]

    def query_of(self, task: str, record: str) -> Query:
        """Return the query that a task belongs to; for a conversion, the first one of its seed.

        :param record: the seed's record
        :raises ValueError: if that is not a seed
        :raises IndexError: if it has no such query
        """
        which = query_task(task).rpartition("/")[2]
        return self.queries_of(Seed.from_record(record))[int(which) if which.isdigit() else 0]

    @classmethod
    def create(
        cls,
        server: Redis,
        name: str,
        given: Mapping[str, Any],
        config: Config,
        kind: SpiderKind = _DEFAULT_KIND,
    ) -> SharedJob:
        """Create a job without seeds, or return the existing one.

        :param given: the spider's arguments as ``-a`` gives them
        :raises UsageProblems: if the existing job is another spider's
        """
        kept = {key: value for key, value in given.items() if key not in _NOT_KEPT}
        facts = {
            "id": uuid.uuid4().hex,
            "schema": SCHEMA,
            "version": __version__,
            "readers": orjson.dumps(versions()).decode(),
            "spider": kind.name,
            "endpoint": kind.endpoint,
            "arguments": orjson.dumps(kept, default=str).decode(),
            "source": config.source,
            "account": account_key(config),
            "state": "open",
            "fed": "0",
            "stops": 0,
            "sightings": 0,
            STRUCK: 0,
            OVER_LIMIT: 0,
            "created_at": utc_now(),
            **{setting: getattr(config, setting) for setting in _SETTINGS},
        }
        fields = [part for pair in facts.items() for part in pair]
        run_script(server, "create", (job_key(name), account_key(config)), JOBS, name, *fields)
        return cls.load(server, name, lambda _: kind)

    @classmethod
    def load(
        cls,
        server: Redis,
        name: str,
        kind_of: Callable[[Mapping[str, Any]], SpiderKind] = lambda _: _DEFAULT_KIND,
    ) -> SharedJob:
        """Return an existing job.

        :param kind_of: given the job's hash, returns the kind of spider that is to work on it
        :raises UsageProblems: if there is none, or if it is another version's or another spider's
        :raises StorageError: if what Redis has of it is not what this package writes
        """
        facts = facts_of(server, name)
        if "arguments" not in facts:
            raise UsageProblems(
                f"job={name}: there is no such job on this Redis. Create it first: "
                f"scrapy tmapi enqueue {name} -a seeds=seeds.txt"
            )
        if facts.get("state") == "deleting":
            raise UsageProblems(
                f"job={name}: it is being deleted, or its deletion was cut short. Finish that "
                f"first: scrapy tmapi delete {name}"
            )
        if facts.get("schema") != str(SCHEMA) and facts.get("schema", "").isdecimal():
            raise UsageProblems(
                f"job={name}: it was enqueued by tmapi_spiders {facts.get('version')}, whose jobs "
                f"this version ({__version__}) can't work on. Use the same version everywhere."
            )
        check_facts(name, facts)
        kind = kind_of(facts)
        kind.check(name, facts)
        stored = _object(name, facts, "arguments")
        readers = _object(name, facts, "readers")
        arguments, _ = kind.arguments_model.parse({**stored, "seeds": _PLACEHOLDER, "job": name})
        return cls(
            name=name,
            id=facts["id"],
            kind=kind,
            arguments=arguments,
            source=facts["source"],
            budget=int(facts["budget"]),
            max_concurrency=int(facts["max_concurrency"]),
            dedupe=facts["dedupe"],
            account=facts["account"],
            readers=readers,
            stops=int(facts["stops"]),
        )

    def check_arguments(self, given: Mapping[str, Any]) -> None:
        """Check that arguments given for an existing job are the job's; seeds may be added.

        :raises UsageProblems: naming those that differ
        """
        model = self.kind.arguments_model
        kept = {name: value for name, value in given.items() if name not in _NOT_KEPT}
        theirs, _ = model.parse({**kept, "seeds": _PLACEHOLDER, "job": self.name})
        problems = [
            f"{name}={given[name]}: the job {self.name} was enqueued with another value; a job has "
            "one set of arguments; only seeds may be added. Leave it out, or choose another job."
            for name in model.model_fields
            if name in given
            and name not in _NOT_KEPT
            and getattr(theirs, name) != getattr(self.arguments, name)
        ]
        if problems:
            raise UsageProblems(*problems)

    def check_readers(self) -> None:
        """Check that this version reads all fields as the job's other workers do.

        :raises UsageProblems: naming those that differ
        """
        ours = versions()
        apart = [name for name in ours if ours[name] != self.readers.get(name, 1)]
        if apart:
            raise UsageProblems(
                f"job={self.name}: it was enqueued by another version of tmapi_spiders, which "
                f"reads {', '.join(apart)} differently from this one ({__version__}). Use the same "
                "version everywhere."
            )

    def check_settings(self, config: Config, settings: BaseSettings, *, update: bool) -> None:
        """Check that this process's settings are the job's.

        :param update: whether budget and limit are about to be changed, so that they may differ
        :raises UsageProblems: naming those that differ
        """
        problems = []
        if self.source != config.source:
            problems.append(
                f"job={self.name}: its products come from {self.source}, and this worker would "
                f"call {config.source}. Products of two sources don't mix; choose another job name."
            )
        elif self.account != account_key(config):
            problems.append(
                f"TMAPI_TOKEN: the job {self.name} was enqueued with another account's token. Its "
                "limit of calls in flight is the account's; use the same token everywhere."
            )
        for setting in _SETTINGS:
            theirs, ours = getattr(self, setting), getattr(config, setting)
            if given_value(settings, setting) is None or theirs == ours:
                continue
            if update and setting != "dedupe":
                continue
            name = PREFIX + setting.upper()
            problems.append(
                f"{name}={ours}: the job {self.name} has {theirs}. Leave it out"
                + (
                    "."
                    if setting == "dedupe"
                    else f", or change it for all workers: scrapy tmapi enqueue {self.name} "
                    f"-s {name}={ours}"
                )
            )
        if problems:
            raise UsageProblems(*problems)

    def update_settings(self, server: Redis, config: Config, settings: BaseSettings) -> None:
        """Store the budget and the limit with the job, where they are given."""
        for setting in ("budget", "max_concurrency"):
            if given_value(settings, setting) is not None:
                server.hset(f"{job_key(self.name)}:job", setting, getattr(config, setting))
