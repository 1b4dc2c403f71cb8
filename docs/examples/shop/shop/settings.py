"""A project that searches for lamps."""

ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}
SPIDER_MODULES = ["shop.lamps"]

# Behind 100, where this package keeps out what is no product. Dedupe is the last pipeline of all.
ITEM_PIPELINES = {"shop.pipelines.LandedPrice": 500}

# A table of five columns, beside the job's own files.
FEEDS = {
    "lamps-%(time)s.csv": {
        "format": "csv",
        "fields": ["item_id", "title", "landed_price", "product_url", "seed"],
    }
}
