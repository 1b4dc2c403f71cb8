"""The item loader: rows of a page become products.

``ItemLoader.add_jmes`` for each field of each item is what takes most of the time of a crawl
written by the book: one search per field, and its processors looked up again for every value.
Here one compiled expression projects a whole page, and the processors are looked up once a loader
class. What comes out is what ``add_value`` and ``load_item`` would give (a test holds the
two together), and a subclass changes a field as in any item loader: ``title_in = MapCompose(…)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import attrs
import jmespath
from itemloaders.common import wrap_loader_context
from scrapy.loader import ItemLoader

from tmapi_spiders.items import Product
from tmapi_spiders.processors import Every, first

__all__ = ["ProductLoader"]

_Process = Callable[[Any], Any]
_Field = tuple[str, int, _Process, _Process, _Process]


class ProductLoader(ItemLoader):
    """Loads :class:`~tmapi_spiders.items.Product` from elements of the API's ``data.items``."""

    default_item_class = Product

    @classmethod
    def load_rows(cls, elements: Sequence[Mapping[str, Any]], **common: Any) -> Iterator[Product]:
        """Yield a product for each element, in order; *common* are fields alike in all of them.

        A product whose element has no usable ``item_id`` has None there.
        """
        projection, fields = cls._resolved()
        item_class = cls.default_item_class
        for row in projection.search(list(elements)):
            values = {}
            for name, column, alone, read, choose in fields:
                found = row[column]
                if found is None:
                    continue
                if isinstance(found, list):
                    known = read(found)
                    value = choose(known) if known else None
                else:
                    value = alone(found)
                if value is not None:
                    values[name] = value
            yield item_class(**values, **common)

    @classmethod
    @cache
    def _resolved(cls) -> tuple[Any, list[_Field]]:
        """Return the compiled projection of a page's elements, and of each field its name, its
        column there, what makes a value of what is no list, and both processors.

        Fields that share an expression share a column.
        """
        loader = cls()
        expressions = {
            field.name: field.metadata["expression"]
            for field in attrs.fields(cls.default_item_class)
            if "expression" in field.metadata
        }
        columns = list(dict.fromkeys(expressions.values()))
        fields = []
        for name, expression in expressions.items():
            read = wrap_loader_context(loader.get_input_processor(name), loader.context)
            choose = wrap_loader_context(loader.get_output_processor(name), loader.context)
            fields.append((name, columns.index(expression), _alone(read, choose), read, choose))
        return jmespath.compile(f"[*].[{', '.join(columns)}]"), fields


def _alone(read: _Process, choose: _Process) -> _Process:
    """Return what makes a value of what is no list: both processors in one.

    Most fields have the first of what one function reads; that function alone is a third faster.
    """
    if type(read) is Every and choose is first:
        return read.read
    return lambda found: choose(known) if (known := read([found])) else None
