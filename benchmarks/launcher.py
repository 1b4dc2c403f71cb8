"""Runs a command and measures it: a small process, for ``processes.Child``.

Linux counts the memory of a process when it starts another one as that one's peak memory: a
benchmark that has read results would add its own memory to whatever it starts next.

Arguments: the file for the command's output, and the command. Prints the process's id, then one
object: ``status`` (as in a shell; below 0: the signal), ``wall`` and ``cpu`` (seconds; user and
system), ``peak`` (most resident memory, MB).
"""

import json
import os
import sys
import time

log, *command = sys.argv[1:]
started = time.monotonic()
pid = os.posix_spawn(
    command[0],
    command,
    os.environ,
    file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ],
)
print(pid, flush=True)
_, status, usage = os.wait4(pid, 0)
told = {
    "status": os.waitstatus_to_exitcode(status),
    "wall": time.monotonic() - started,
    "cpu": usage.ru_utime + usage.ru_stime,
    "peak": usage.ru_maxrss / 1024,
}
print(json.dumps(told))
