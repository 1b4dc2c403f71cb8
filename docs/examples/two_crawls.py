"""Run two crawls in one process, one after the other, and read what they found.

TMAPI_TOKEN=… python two_crawls.py
TMAPI_SANDBOX=1 python two_crawls.py      (made-up products)
"""

import asyncio
import json
import sys

from scrapy.crawler import AsyncCrawlerProcess

from tmapi_spiders.errors import TmapiError
from tmapi_spiders.spiders.image_search import ImageSearchSpider

LAMPS = [
    "https://cbu01.alicdn.com/img/ibank/O1CN01abc.jpg",
    "/search/imgextra5/1589508648580602236.jpg",
]

process = AsyncCrawlerProcess(
    {
        "ADDONS": {"tmapi_spiders.addon.TmapiAddon": 500},
        "TMAPI_BUDGET": 100,
        "LOG_LEVEL": "WARNING",
    }
)


async def crawl_both() -> int:
    """Crawl the lamps in two sort orders; return the worse exit status."""
    statuses = []
    for sort in ("default", "sales"):
        crawler = process.create_crawler(ImageSearchSpider)
        await process.crawl(crawler, seeds=LAMPS, sort=sort, max_pages=1, job=f"lamps-{sort}")
        spider = crawler.spider
        statuses.append(spider.exit_status)
        with (spider.job_folder / "products.jsonl").open(encoding="utf-8") as file:
            products = [json.loads(line) for line in file]
        prices = [float(product["price"]) for product in products if product["price"]]
        print(f"{sort}: {len(products)} products, the cheapest at {min(prices, default=None)}")
        if spider.exit_status == 4:  # stopped early, perhaps by Ctrl-C: start no other
            break
    return max(statuses)


main = asyncio.get_event_loop().create_task(crawl_both())
process.start()  # returns once no crawl runs: await nothing else between the two
try:
    sys.exit(main.result())
except TmapiError:  # refused; nothing was sent, and the log says why
    sys.exit(2)
