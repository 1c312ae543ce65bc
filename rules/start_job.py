"""Start a job: python start_job.py LOCK COMMAND...

Until its work begins, the job holds back Ctrl-C, which during imports would end in a traceback. As long as it lives it
holds the file LOCK, so that no later run takes it for dead.
"""

import contextlib
import fcntl
import os
import signal
import sys

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
with contextlib.suppress(OSError):  # a file system without locks, or without room
    lock = os.open(sys.argv[1], os.O_RDONLY | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_SH)
    os.set_inheritable(lock, True)
os.execvp(sys.argv[2], sys.argv[2:])
