"""What all profiles share."""

BOT_NAME = "tmapi"

# The spider, its pipelines, its files and its download handler: all come with this line.
ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}

# DEBUG shows every request, and every product that was dropped.
LOG_LEVEL = "INFO"

# The versions of Scrapy's own libraries are of use in a bug report only (scrapy version -v).
LOG_VERSIONS: list[str] = []
