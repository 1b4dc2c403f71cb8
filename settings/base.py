"""Settings that all profiles share."""

BOT_NAME = "tmapi"

# This line adds the spider, its pipelines, its files and its download handler.
ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}

# The add-on adds the spider too, but `scrapy list` does not load add-ons.
SPIDER_MODULES = ["tmapi_spiders.spiders"]

# DEBUG shows every request and every dropped product.
LOG_LEVEL = "INFO"

# The versions of Scrapy's libraries matter only in bug reports (scrapy version -v).
LOG_VERSIONS: list[str] = []
