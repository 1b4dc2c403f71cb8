"""The profile for workers that share a job through Redis or Valkey:

    SCRAPY_PROJECT=distributed scrapy tmapi enqueue monday -a seeds=seeds.txt
    SCRAPY_PROJECT=distributed scrapy crawl image_search -a job=monday    (on each machine)

docs/distributed.md says how to run it.
"""

from settings.local import *  # noqa: F403

# This makes a crawl a worker.
SCHEDULER = "tmapi_spiders.distributed.scheduler.LeaseScheduler"

# The address of Redis, as for scrapy-redis. One with a password belongs in the environment:
# export REDIS_URL=redis://:PASSWORD@HOST:6379/0, or rediss:// with TLS.
# REDIS_URL = "redis://127.0.0.1:6379/0"

# Instead of REDIS_URL, ask Sentinel for the master.
# REDIS_SENTINELS = ["10.0.0.1:26379", "10.0.0.2:26379", "10.0.0.3:26379"]
# REDIS_SENTINEL_SERVICE_NAME = "mymaster"

# Seconds without a heartbeat after which a worker's pages go to the others.
# TMAPI_LEASE_SECONDS = 30

# Days that a job stays on Redis once it has ended and was exported; 0 = for ever.
# TMAPI_EXPIRE_DAYS = 7

# Whether rows are deleted on Redis once they are in the job's files.
# TMAPI_TRIM_EXPORTED = False
