"""Settings of a project that crawls lamps."""

ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}
SPIDER_MODULES = ["shop.lamps"]

# After 100, where this package drops what is not a product. Dedupe always runs last.
ITEM_PIPELINES = {"shop.pipelines.LandedPrice": 500}

# A five-column table, in addition to the job's own files.
FEEDS = {
    "lamps-%(time)s.csv": {
        "format": "csv",
        "fields": ["item_id", "title", "landed_price", "product_url", "seed"],
    }
}
