"""A project that searches for lamps."""

ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}
SPIDER_MODULES = ["shop.lamps"]

# After this package's own, which are at 100 (what is no product) and 200 (what was found before).
ITEM_PIPELINES = {"shop.pipelines.LandedPrice": 500}

# A table of five columns, beside the job's own files.
FEEDS = {
    "lamps-%(time)s.csv": {
        "format": "csv",
        "fields": ["item_id", "title", "landed_price", "product_url", "seed"],
    }
}
