"""HTTP below the download handler: client, connections, compression, failures, `Retry-After`.

Internal.
"""
