"""Validation of given values by a pydantic model: settings, arguments and a seed's own arguments.

A model's fields are ``Annotated[type, PlainValidator(reader)]``; the readers are in
:mod:`tmapi_spiders.config.values`, and those of one subject in that subject's modules. All problems
are reported at once, each as ``name=value: reason``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from tmapi_spiders.errors import did_you_mean, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic_core import ErrorDetails

__all__ = ["validated"]

Model = TypeVar("Model", bound=BaseModel)


def validated(
    model: type[Model],
    given: Mapping[str, Any],
    name_of: Callable[[str], str] = str,
    shown: Callable[[str, Any], str] = lambda _, value: f"={shortened(value)}",
) -> tuple[Model | None, list[str]]:
    """Return the model with the given values, or None and what is wrong with them.

    >>> from typing import Annotated
    >>> from pydantic import PlainValidator, create_model
    >>> from tmapi_spiders.config.values import whole_number
    >>> Pages = Annotated[int, PlainValidator(whole_number(1, 50))]
    >>> Limits = create_model("Limits", pages=(Pages, 20))
    >>> validated(Limits, {"pages": "7"})
    (Limits(pages=7), [])
    >>> validated(Limits, {"pages": "70"})
    (None, ['pages=70: accepted: a whole number from 1 to 50.'])

    :param name_of: turns a field into the name that the user gave
    :param shown: takes a field and the value given; returns what a message shows of it, or ""
    """
    try:
        return model.model_validate(dict(given)), []
    except ValidationError as exc:
        errors = exc.errors(include_url=False)
    return None, [_problem(error, model, name_of, shown) for error in errors]


def _problem(
    error: ErrorDetails,
    model: type[BaseModel],
    name_of: Callable[[str], str],
    shown: Callable[[str, Any], str],
) -> str:
    reason = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:  # a project's own validator of several fields
        return reason
    field = str(error["loc"][0])
    name = shortened(name_of(field))
    if error["type"] == "extra_forbidden":
        accepted = [name_of(known) for known in model.model_fields]
        nearest = did_you_mean(name, accepted)
        return f"{name}: no such argument.{nearest} Accepted: {', '.join(accepted)}."
    if error["type"] == "missing":
        description = model.model_fields[field].description
        return f"{name}: missing. {description} Example: -a {name}=seeds.txt"
    return f"{name}{shown(field, error['input'])}: {reason}"
