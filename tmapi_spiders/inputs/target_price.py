"""Reads target prices in CNY: what a user wants to pay for a seed, from a column of their table."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from tmapi_spiders.fields.prices import without_thousands
from tmapi_spiders.processors import to_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CNY",
    "IN_CNY",
    "TARGET_COLUMN",
    "currency_of_format",
    "foreign_target",
    "has_target",
    "target_of",
]

TARGET_COLUMN: Final = "target_price"

#: The column with a foreign target price in CNY, which is added to the seed's row.
IN_CNY: Final = "target_price_cny"

CNY: Final = "CNY"

_ACCEPTED: Final = "accepted: 14.50, 14,50, 12,50 €, $3.20"

#: Texts that mean no target price.
_NONE: Final = frozenset({"", "-", "–", "—", "n/a"})

#: Excludes "1,234" and "1.234", which may be 1234 or 1.234.
_NUMBER: Final = re.compile(
    r"(?P<thousands>[1-9][0-9]{0,2}(?:,[0-9]{3})+\.[0-9]{1,2}|[1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]{1,2}"
    r"|[1-9][0-9]{0,2}(?:,[0-9]{3}){2,4}|[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,4})"
    r"|[0-9]{1,12}(?:[.,][0-9]{1,20})?"
)
_LONGEST: Final = 50
_LARGEST: Final = 10**12
_EITHER: Final = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
_WORD: Final = r"[^\W\d_]*[^\w\s.,+-]?|[^\W\d_]+"
_PRICE: Final = re.compile(
    rf"(?P<before>{_WORD}) ?(?P<number>[0-9][0-9.,' ]*[0-9]|[0-9]) ?(?P<behind>{_WORD})"
)

#: Signs and words that mean one currency.
_SIGNS: Final = {
    **dict.fromkeys(("¥", "CN¥", "RMB", "元", "圆", "人民币", "YUAN"), CNY),
    **dict.fromkeys(("$", "US$", "USD$"), "USD"),
    **dict.fromkeys(("€", "EURO", "EUROS"), "EUR"),
    "£": "GBP",
    "₽": "RUB",
    "₫": "VND",
    "₩": "KRW",
    "₹": "INR",
    "₺": "TRY",
    "₴": "UAH",
    "฿": "THB",
    "ZŁ": "PLN",
    "JP¥": "JPY",
    "HK$": "HKD",
    "C$": "CAD",
    "A$": "AUD",
    "S$": "SGD",
}
#: Codes of ISO 4217 that buyers on 1688 use; not any three letters, which may be "pcs".
_CODES: Final = frozenset(
    re.findall(
        r"\w+",
        "AED ARS AUD BDT BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR JPY "
        "KES KRW KZT MAD MXN MYR NGN NOK NZD PEN PHP PKR PLN RON RUB SAR SEK SGD THB TRY TWD UAH "
        "USD VND ZAR",
    )
)

#: A sign in a cell's number format: quoted as "€", or between [$ and ].
_IN_FORMAT: Final = re.compile(r'\[\$(?P<sign>[^\]-]*)(?:-(?P<locale>[0-9A-Fa-f]+))?\]|"([^"]*)"')
_JAPANESE: Final = "411"


def target_of(data: Mapping[str, Any]) -> str | None:
    """Return a seed's target price in CNY as a decimal string; None if it has none.

    A comma is a decimal comma, as in a European spreadsheet.

    >>> [target_of({"target_price": one}) for one in ("14,50", 12, 0.5, "7 元", "¥1,234.50")]
    ['14.50', '12', '0.5', '7', '1234.50']
    >>> target_of({"Target_Price": ""}), target_of({"price": "3"})
    (None, None)
    >>> target_of({"target_price": "12,50 €", "target_price_cny": "97.50"})
    '97.50'

    :raises ValueError: if it can't be read, or is in another currency
    """
    name, beside = _names(tuple(data))
    for one in (beside, name):
        if name is not None and one is not None and (target := _read(data[one], CNY)) is not None:
            return _in_cny(*target, data[one], {})
    return None


def foreign_target(
    data: Mapping[str, Any], rates: Mapping[str, Decimal], currency: str = CNY
) -> str | None:
    """Return a seed's foreign target price converted to CNY; None if it has none.

    >>> foreign_target({"target_price": "12,50 €"}, {"EUR": Decimal("7.8")})
    '97.50'
    >>> foreign_target({"target_price": "12,50"}, {}), foreign_target({}, {})
    (None, None)
    >>> foreign_target({"target_price": "12,50 €"}, {})
    Traceback (most recent call last):
    ...
    ValueError: target_price '12,50 €' is in EUR, and prices here are in CNY; give the rate ...

    :param rates: by currency (ISO 4217), how many CNY one unit is
    :param currency: of a mere number
    :raises ValueError: if it can't be read, or no rate of its currency is given
    """
    name, beside = _names(tuple(data))
    if name is not None and beside is not None:
        target_of(data)
    elif name is not None and (target := _read(data[name], currency)) is not None:
        converted = _in_cny(*target, data[name], rates)
        return converted if target[1] != CNY else None
    return None


def has_target(data: Mapping[str, Any]) -> bool:
    """Return whether a seed's row has a target price, readable or not.

    >>> has_target({"target_price": "9"}), has_target({"target_price": "-"}), has_target({})
    (True, False, False)
    """
    name, _ = _names(tuple(data)) if data else (None, None)
    return name is not None and str(data[name] or "").strip().lower() not in _NONE


@lru_cache(maxsize=100)
def _names(columns: tuple[str, ...]) -> tuple[str | None, str | None]:
    """Return the columns of a seed's target price, and of the same in CNY."""
    by_name = {name.strip().lower(): name for name in reversed(columns)}
    return by_name.get(TARGET_COLUMN), by_name.get(IN_CNY)


def _read(value: Any, currency: str) -> tuple[str, str] | None:
    """Return the number and the currency of a target price; None if there is none.

    :param value: text, or the number of a cell
    :param currency: of a number of a cell
    :raises ValueError: if it can't be read
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value < _LARGEST:
            raise ValueError(f"{TARGET_COLUMN} {value:.15g} is not a price; {_ACCEPTED}")
        return format(Decimal(str(value)), "f"), currency
    text = "" if value is None else str(value).strip()
    if text.lower() in _NONE:
        return None
    found = _PRICE.fullmatch(to_plain(text)) if len(text) <= _LONGEST else None
    if found and _EITHER.fullmatch(found["number"]):
        raise ValueError(
            f"{TARGET_COLUMN} {text!r} may be {re.sub('[.,]', '', found['number'])} or "
            f"{found['number'].replace(',', '.')}; write it without thousands separators"
        )
    number = _number(found["number"]) if found else None
    shown = _currency(found["before"], found["behind"], currency) if found else None
    if number is None or shown is None:
        raise ValueError(f"{TARGET_COLUMN} {text[:_LONGEST]!r} is not a price; {_ACCEPTED}")
    return number, shown


def _in_cny(number: str, currency: str, value: Any, rates: Mapping[str, Decimal]) -> str:
    """Return a target price in CNY.

    :param value: the value given, for messages
    :raises ValueError: if no rate of its currency is given
    """
    if currency == CNY:
        return number
    if (rate := rates.get(currency)) is None:
        raise ValueError(
            f"{TARGET_COLUMN} {str(value)[:_LONGEST]!r} is in {currency}, and prices here are in "
            f"{CNY}; give the rate (-s TMAPI_RATES={currency}=…), or the target price in {CNY}"
        )
    return format((Decimal(number) * rate).quantize(Decimal("0.01")), "f")


def currency_of_format(number_format: str) -> str | None:
    """Return the currency in a cell's number format; None if it has none.

    >>> currency_of_format('#,##0.00\\\\ "€"'), currency_of_format("[$$-409]#,##0.00")
    ('EUR', 'USD')
    >>> currency_of_format("0.00"), currency_of_format("$#,##0.00"), currency_of_format("[$¥-804]0")
    (None, 'USD', 'CNY')

    :raises ValueError: if it has a sign of several currencies
    """
    shown = number_format.partition(";")[0]
    for found in _IN_FORMAT.finditer(shown):
        sign = (found["sign"] or found[3] or "").strip()
        if sign == "¥" and (found["locale"] or "").lower().endswith(_JAPANESE):
            return "JPY"
        if sign and (currency := _known(sign)):
            return currency
        if found["sign"]:
            raise ValueError(f"its format shows {sign!r}, which may be several currencies")
    bare = _IN_FORMAT.sub("", shown)
    return next((_SIGNS[sign] for sign in "€$£¥₽₫₩₹₺₴฿" if sign in bare), None)


def _number(text: str) -> str | None:
    """Return the number in a text; None if it is ambiguous.

    >>> _number("12,50"), _number("1.234,50"), _number("1 234,5"), _number("1'234.50")
    ('12.50', '1234.50', '1234.5', '1234.50')
    >>> _number("1,234"), _number("1.234"), _number("0.125"), _number("1,2,3")
    (None, None, '0.125', None)
    """
    text = re.sub(r"(?<=[0-9])[' ](?=[0-9]{3}(?![0-9]))", "", text)
    found = _NUMBER.fullmatch(text)
    if found is None or _EITHER.fullmatch(text):
        return None
    return without_thousands(text) if found["thousands"] else text.replace(",", ".")


def _currency(before: str, behind: str, otherwise: str) -> str | None:
    """Return the currency that the words around a number name; None if it is unknown or two.

    >>> _currency("", "€", "CNY"), _currency("", "", "CNY"), _currency("", "kr", "CNY")
    ('EUR', 'CNY', None)
    """
    found = {_known(word) for word in (before, behind) if word}
    return found.pop() if len(found) == 1 else None if found else otherwise


def _known(word: str) -> str | None:
    word = word.upper()
    return _SIGNS.get(word) or (word if word in _CODES else None)
