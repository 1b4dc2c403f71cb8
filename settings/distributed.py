"""The profile of a crawl on many machines, sharing one Redis: not in this version yet.

Until then it is the same as the profile "local".
"""

from settings.local import *  # noqa: F403
