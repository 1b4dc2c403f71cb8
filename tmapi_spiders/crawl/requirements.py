"""Checks that a project's spider, loader and product classes can work.

They are checked before anything is sent; otherwise the first page would reveal a broken class, and
that page is paid for.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import attrs
import jmespath
from jmespath.functions import Functions
from scrapy.utils.misc import load_object

from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.arguments import Arguments
from tmapi_spiders.items import Product
from tmapi_spiders.loaders import ProductLoader, expressions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scrapy.settings import BaseSettings

__all__ = ["ADDON", "CrawlAddon", "check_addon", "check_product", "check_spider"]

#: The line that a project's settings need.
ADDON = 'ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}'

_FUNCTIONS = Functions.FUNCTION_TABLE

#: A product's fields that don't come from the API's elements.
_COMMON: dict[str, Any] = {
    "job": "j",
    "seed": "/search/a.jpg",
    "seed_id": "s",
    "seed_data": {},
    "query_id": "q",
    "seed_img_url": "/search/a.jpg",
    "language": "en",
    "sort": "default",
    "price_start": None,
    "price_end": None,
    "filters": {},
    "page": 1,
    "total_count": None,
    "fetched_at": "2026-11-23T18:00:00.000Z",
}


class CrawlAddon:
    """Base class of the add-on, by which subclasses of it are recognized."""


def check_addon(settings: BaseSettings) -> None:
    """Check that a crawl has the add-on, without which nothing works.

    :param settings: the crawl's, with those of its spider
    :raises UsageProblems: if it does not
    """
    addons = settings.getdict("ADDONS")
    if not any(
        place is not None and _is_subclass(load_object(addon), CrawlAddon)
        for addon, place in addons.items()
    ):
        raise UsageProblems(
            f"ADDONS: the add-on is missing. Put it into settings.py, or into the settings that a "
            f"script gives: {ADDON}"
        )


def check_spider(spider: type, base: type, others: Iterable[type] = ()) -> None:
    """Check that a spider can work.

    :param base: the class of this package's own spider
    :param others: other spiders that its name could mean
    :raises UsageProblems: with all that is wrong
    """
    problems = list(_names(spider, base, others))
    model: Any = getattr(spider, "arguments_model", None)
    if not _is_subclass(model, Arguments):
        problems.append(
            f"{_name(spider)}.arguments_model: {_name(model)}: accepted: a subclass of "
            f"{_name(Arguments)}."
        )
    loader: Any = getattr(spider, "loader", None)
    if _is_subclass(loader, ProductLoader):
        problems += _loader(loader)
    else:
        problems.append(
            f"{_name(spider)}.loader: {_name(loader)}: accepted: a subclass of "
            f"{_name(ProductLoader)}."
        )
    if problems:
        raise UsageProblems(*problems)


def _names(spider: type, base: type, others: Iterable[type]) -> Iterator[str]:
    name = getattr(spider, "name", None)
    twins = [one for one in {spider: None, **dict.fromkeys(others)} if one is not base]
    for one in twins:
        if getattr(one, "name", None) == name and "name" not in vars(one):
            yield (
                f"{_name(one)}: it does not set its own name, and can't be told from another "
                f'spider called {name}. Give it one: name = "{one.__name__.lower()}"'
            )
        elif one is not spider and getattr(one, "name", None) == name:
            yield f"{_name(one)}: its name is {name}, like that of {_name(spider)}."


def _loader(loader: type[ProductLoader]) -> Iterator[str]:
    item_class: Any = loader.default_item_class
    if not _is_subclass(item_class, Product):
        yield (
            f"{_name(loader)}.default_item_class: {_name(item_class)}: accepted: a subclass of "
            f"{_name(Product)}."
        )
        return
    problems = list(check_product(item_class))
    yield from problems
    if problems:
        return
    try:
        made: Any = loader()
        for field in expressions(item_class):
            for which, processor in (
                ("in", made.get_input_processor(field)),
                ("out", made.get_output_processor(field)),
            ):
                if not callable(processor):
                    yield (
                        f"{_name(loader)}.{field}_{which}: {processor!r}: accepted: a processor, "
                        "which is called with the values."
                    )
                    problems.append(field)
        if not problems:
            loader.resolved()
    except Exception as exc:  # noqa: BLE001 - whatever a project's class raises
        yield f"{_name(loader)}: it can't be made: {type(exc).__name__}: {exc}"


def check_product(item_class: type[Product]) -> Iterator[str]:
    """Yield what is wrong with a product class."""
    name = _name(item_class)
    undecorated = [
        one
        for one in item_class.__mro__
        if issubclass(one, Product) and "__attrs_attrs__" not in vars(one) and _has_fields(one)
    ]
    for one in undecorated:
        yield f"{_name(one)}: it has fields, but no decorator. Put @attrs.define above the class."
    if undecorated:
        return
    fields = attrs.fields_dict(item_class)
    found = expressions(item_class)
    if "item_id" not in found:
        yield (
            f"{name}.item_id: it is not read from anything; use extracted(…), or leave the field "
            "out."
        )
    for field, expression in found.items():
        problem = _expression(expression)
        if problem:
            yield f"{name}.{field}: {expression!r}: {problem}"
        if not fields[field].init or fields[field].alias != field:
            yield f"{name}.{field}: it can't be given by its name when a product is made."
    try:
        product = item_class(**{"item_id": 1, **_COMMON})
        product.rank = 1
    except attrs.exceptions.FrozenInstanceError:
        yield f"{name}: a product gets its rank after it was made: use @attrs.define, not frozen."
    except Exception as exc:  # noqa: BLE001 - whatever a project's class raises
        yield (
            f"{name}: none can be made from an element that only has an item_id: "
            f"{type(exc).__name__}: {exc}. Give each field a default."
        )


def _has_fields(item_class: type) -> bool:
    """Return whether a class has fields in its own body that no decorator has processed."""
    field = type(attrs.field())
    return any(isinstance(value, field) for value in vars(item_class).values())


def _expression(expression: Any) -> str:
    """Return what is wrong with a jmespath expression; "" if nothing is.

    >>> _expression("a.[b, c]"), _expression("a.[b")
    ('', 'it is not valid jmespath: Invalid jmespath expression: Incomplete expression')
    >>> _expression("nmae(a)"), _expression("length(a, b)")
    ('jmespath has no function nmae()', 'length() takes 1 argument, not 2')
    """
    if not isinstance(expression, str):
        return "accepted: a jmespath expression, as text"
    try:
        tree = jmespath.compile(expression).parsed
    except ValueError as exc:
        lines = [line.strip() for line in str(exc).splitlines()]
        return f"it is not valid jmespath: {lines[0].rstrip(':')}"
    return next(_calls(tree), "")


def _calls(node: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the function calls in a parsed expression."""
    if node["type"] == "function_expression":
        name, given = node["value"], len(node["children"])
        if name not in _FUNCTIONS:
            yield f"jmespath has no function {name}()"
        else:
            signature = _FUNCTIONS[name]["signature"]
            wanted, is_open = len(signature), bool(signature and signature[-1].get("variadic"))
            if given < wanted or (given > wanted and not is_open):
                s = "" if wanted == 1 else "s"
                yield f"{name}() takes {wanted} argument{s}, not {given}"
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _calls(child)


def _is_subclass(given: Any, base: type) -> bool:
    return inspect.isclass(given) and issubclass(given, base)


def _name(given: Any) -> str:
    """Return the full name of a class; of anything else, its repr."""
    return f"{given.__module__}.{given.__qualname__}" if inspect.isclass(given) else repr(given)
