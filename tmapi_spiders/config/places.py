"""Parts of a user's URL that may be shown: those that are no secret.

Users, passwords, paths, queries and fragments may grant access; scheme, host and port don't.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tmapi_spiders.errors import UsageProblems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["HIDDEN", "check_place", "check_proxies", "place_of", "strike_out"]

#: Replaces what can't be told apart from a secret.
HIDDEN = "…"

#: A / ? or # in a password would end the host too early, and part of the secret would pass for the
#: host. So no @ may follow the host, and nothing but a host may stand in its place.
_URL = re.compile(
    r"""(?P<scheme>[a-z][a-z0-9+.-]*)://
    (?:[^/?\#]*@)?
    (?P<host>[\w.-]*|\[[0-9a-fA-F:.%]+\])(?P<port>:[0-9]{1,5})?
    (?P<path>/[^@?\#]*)?
    (?:[?\#][^@]*)?""",
    re.VERBOSE,
)

#: A host without a scheme; no token looks like one.
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]{1,5})?|localhost(?::[0-9]{1,5})?")

#: The number of a Redis database.
_SHOWN_PATH = re.compile(r"/[0-9]{1,5}")

_QUOTED = "In a user or password, write @ as %40, / as %2F, ? as %3F and # as %23."


def place_of(url: object) -> str:
    """Return what may be shown of a URL, with "…" for what can't be told apart from a secret.

    >>> place_of("https://me:p@ss@example.com:8443/hooks/T0P?key=1")
    'https://example.com:8443'
    >>> place_of("redis://:secret@10.0.0.1:6379/0"), place_of("unix://:secret@/run/redis.sock?db=1")
    ('redis://10.0.0.1:6379/0', 'unix:///run/redis.sock')
    >>> place_of("redis://:se/cret@10.0.0.1:6379"), place_of("redis://:secret"), place_of("k-123")
    ('redis://…', 'redis://…', '…')
    """
    text = str(url).strip()
    if found := _URL.fullmatch(text):
        scheme, host, port, path = (
            found[part] or "" for part in ("scheme", "host", "port", "path")
        )
        is_shown = scheme == "unix" or _SHOWN_PATH.fullmatch(path)
        return f"{scheme}://{host}{port}{path if is_shown else ''}"
    scheme, separator, _ = text.partition("://")
    if separator and re.fullmatch(r"[a-z][a-z0-9+.-]{0,19}", scheme):
        return f"{scheme}://{HIDDEN}"
    return text if _HOST.fullmatch(text) else HIDDEN


def check_place(name: str, url: object) -> None:
    """Check that the parts of a URL can be told apart, so that no message quotes a secret.

    :param name: of the setting
    :raises UsageProblems: if they can't
    """
    place = place_of(url)
    if HIDDEN in place:
        raise UsageProblems(
            f"{name}={place}: its host can't be told from the rest. Accepted: "
            f"SCHEME://[USER:PASSWORD@]HOST[:PORT]. {_QUOTED}"
        )


def check_proxies(proxies: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the proxies of the environment.

    >>> check_proxies({"https": "http://me:pw@10.0.0.1:3128", "all": "10.0.0.1:3128"})
    []

    :param proxies: by scheme, as :func:`urllib.request.getproxies` gives them
    """
    problems: list[str] = []
    for scheme in ("https", "all"):
        # curl and libraries accept a proxy without a scheme.
        given = proxies.get(scheme) or "http://localhost"
        try:
            check_place(f"{scheme}_proxy", given if "://" in given else f"http://{given}")
        except UsageProblems as exc:
            problems += exc.problems
    return problems


def strike_out(text: object, secrets: Iterable[object]) -> str:
    """Return *text* without secrets, for other libraries' error messages.

    >>> strike_out("can't connect with 'hunter2'", ["hunter2", None])
    "can't connect with '…'"
    """
    said = str(text)
    for secret in sorted(filter(None, map(str, filter(None, secrets))), key=len, reverse=True):
        said = said.replace(secret, HIDDEN)
    return said
