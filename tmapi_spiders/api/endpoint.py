"""Constants of the API: paths, values of parameters, image hosts."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ALIBABA_HOSTS",
    "ALIBABA_PATH",
    "CONVERT_PATH",
    "FILTERS",
    "LANGUAGES",
    "SEARCH_PATH",
    "SORTS",
]

#: Image search. Source of this and its parameters' values: the vendor's page of the endpoint.
SEARCH_PATH: Final = "/1688/global/search/image/v2"

LANGUAGES: Final = ("en", "zh", "ru", "vi", "ja", "ko")

SORTS: Final = ("default", "sales", "price_up", "price_down")

FILTERS: Final = (
    "support_dropshipping",
    "is_factory",
    "verified_supplier",
    "free_shipping",
    "new_arrival",
)

#: Conversion of an image's URL. Source: observed behaviour of the API.
CONVERT_PATH: Final = "/1688/tools/image/convert_url"

#: Hosts (with their subdomains) whose images the search reads without conversion.
#: Source: observed by users of the API, on its V1 endpoint.
ALIBABA_HOSTS: Final = (
    "alicdn.com",
    "1688.com",
    "taobao.com",
    "tmall.com",
    "alibaba.com",
    "aliimg.com",
)

#: How the paths begin that the API gives out for images.
ALIBABA_PATH: Final = "/search/"
