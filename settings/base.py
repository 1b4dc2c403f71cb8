"""What all profiles share."""

BOT_NAME = "tmapi"

# The spider, its pipelines, its files and its download handler: all come with this line.
ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}

# The add-on adds the spider by itself; `scrapy list` alone does not ask add-ons.
SPIDER_MODULES = ["tmapi_spiders.spiders"]

# DEBUG shows every request, and every product that was dropped.
LOG_LEVEL = "INFO"

# The versions of Scrapy's own libraries are of use in a bug report only (scrapy version -v).
LOG_VERSIONS: list[str] = []
