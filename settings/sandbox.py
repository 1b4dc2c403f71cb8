"""The profile for a made-up TMAPI: SCRAPY_PROJECT=sandbox scrapy crawl image_search -a seeds=…

Needs no token and no network, and costs nothing. The products are made up.
"""

from settings.base import *  # noqa: F403

# Each crawl starts its own sandbox, on a free port of this machine.
TMAPI_SANDBOX = True

# Its options; docs/sandbox.md lists them.
# TMAPI_SANDBOX_OPTIONS = {"products": 5000, "seed": 1, "day": 0}
