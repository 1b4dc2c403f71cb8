"""The item loader: turns the elements of a page into products.

A crawl written by the book spends most of its time in ``ItemLoader.add_jmes``: one search per field
of each item, with the processors looked up again for every value. Here one compiled expression
projects a whole page, and the processors are looked up once per loader class. The result is that of
``add_value`` and ``load_item`` (a test compares the two), and a subclass changes a field as in any
item loader: ``title_in = MapCompose(…)``.

Only failures are handled differently: where an expression, a processor or the product's class fails
on a value, that value is lost, not the page.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
import jmespath
from scrapy.loader import ItemLoader

from tmapi_spiders.fields.field_reader import UNSURE, FieldReader
from tmapi_spiders.fields.unreadable import Unread
from tmapi_spiders.items import Product
from tmapi_spiders.processors import is_given

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tmapi_spiders.fields.field_reader import Lost

__all__ = ["ProductLoader", "expressions"]


def expressions(item_class: type) -> dict[str, str]:
    """Return the jmespath expressions of a product class, by field."""
    return {
        field.name: field.metadata["expression"]
        for field in attrs.fields(item_class)
        if "expression" in field.metadata
    }


def _ignore(_: Unread) -> None:
    """Ignore an unreadable value."""


class ProductLoader(ItemLoader):
    """Loads :class:`~tmapi_spiders.items.Product` from elements of the API's ``data.items``."""

    default_item_class = Product

    @classmethod
    def load_rows(
        cls, elements: Sequence[Mapping[str, Any]], *, lost: Lost = _ignore, **common: Any
    ) -> Iterator[Product]:
        """Yield a product for each element, in order.

        A product whose element has no usable ``item_id`` has None there.

        :param lost: called with each field of an element that was given and could not be read
        :param common: fields that are the same in all products
        """
        projection, columns, fields = cls.resolved()
        item_class = cls.default_item_class
        try:
            rows = projection.search(list(elements))
        except Exception:  # noqa: BLE001 - a jmespath function, on a value of another type
            rows = cls._project(elements, columns, lost)
        for number, row in enumerate(rows):
            values = {}
            for name, column, one, several, reader in fields:
                found = row[column]
                if found is None:
                    continue
                try:
                    if isinstance(found, list):
                        value = several(found)
                    else:
                        value = one(found)
                        if value is None and found != "":
                            value = UNSURE
                except Exception:  # noqa: BLE001 - whatever a project's processor raises
                    value = UNSURE
                if value is UNSURE:
                    value = reader.look_closely(found, number, lost)
                if value is not None:
                    values[name] = value
            try:
                product = item_class(**values, **common)
            except Exception:  # noqa: BLE001 - a project's validator
                product = cls._make(values, number, lost, common)
            yield product

    @classmethod
    def _project(
        cls, elements: Sequence[Mapping[str, Any]], columns: list[str], lost: Lost
    ) -> Iterator[list[Any]]:
        """Yield the rows of elements one by one, where projecting them together failed."""
        names: dict[str, list[str]] = {}
        for name, expression in expressions(cls.default_item_class).items():
            names.setdefault(expression, []).append(name)
        for number, element in enumerate(elements):
            row = []
            for expression in columns:
                found = None
                try:
                    found = jmespath.search(expression, element)
                except Exception as exc:  # noqa: BLE001
                    value = getattr(exc, "current_value", element.get("item_id"))
                    for name in names[expression] if is_given(value) else ():
                        lost(Unread(number, name, expression, value, exc))
                row.append(found)
            yield row

    @classmethod
    def _make(
        cls, values: dict[str, Any], number: int, lost: Lost, common: dict[str, Any]
    ) -> Product:
        """Return a product without the values that its class refuses."""
        item_class = cls.default_item_class
        product = item_class(**common)
        kept: dict[str, Any] = {}
        for name, value in values.items():
            try:
                product = item_class(**kept, **{name: value}, **common)
            except Exception as exc:  # noqa: BLE001
                lost(Unread(number, name, expressions(item_class)[name], value, exc))
            else:
                kept[name] = value
        return product

    @classmethod
    @cache
    def resolved(cls) -> tuple[Any, list[str], list[tuple[Any, ...]]]:
        """Return the compiled projection of a page's elements, its columns, and the fields.

        A field is a tuple: name, column, reader of one value, reader of a list, and the whole
        reader. Fields that share an expression share a column.
        """
        loader = cls()
        found = expressions(cls.default_item_class)
        columns = list(dict.fromkeys(found.values()))
        fields = []
        for name, expression in found.items():
            processors = loader.get_input_processor(name), loader.get_output_processor(name)
            reader = FieldReader.of(name, expression, *processors, loader.context)
            column = columns.index(expression)
            fields.append((name, column, reader.one, reader.several, reader))
        return jmespath.compile(f"[*].[{', '.join(columns)}]"), columns, fields
