"""The profile for a crawl of the real API on this machine: scrapy crawl image_search -a seeds=…

The token belongs in the environment, not in a file: export TMAPI_TOKEN=…
Every setting here can also be given on the command line (-s TMAPI_DEDUPE=seed) or in the
environment (TMAPI_DEDUPE=seed). docs/reference.md explains each.
"""

from settings.base import *  # noqa: F403

# Where the API is.
# TMAPI_BASE_URL = "https://api.tmapi.io"

# How the token travels: "query" (apiToken=…) or "header" (apikey: …).
# TMAPI_AUTH = "query"

# Where the files of each job go: <this folder>/<job>/
# TMAPI_OUTPUT_DIR = "output"

# Calls that a job may make in all its runs; 0 = no cap.
# TMAPI_BUDGET = 0

# The most calls in flight; lower it if your account's limit is lower.
# TMAPI_MAX_CONCURRENCY = 16

# Retries of a failed call, and seconds before the first (the delay doubles).
# TMAPI_RETRY_TIMES = 3
# TMAPI_RETRY_DELAY = 2

# For how many days other jobs use a conversion that was paid for.
# TMAPI_CONVERSION_DAYS = 0.5

# Money per call; with it, the first line and the summary show costs too.
# TMAPI_CALL_PRICE = 0.01

# The share of failed queries that still exits 0.
# TMAPI_FAILED_OK = 0

# What a product is written once for: each "job", "seed" or "query".
# TMAPI_DEDUPE = "job"
