"""Start a job: python start_job.py LOCK COMMAND...

Until its work begins, the job holds back Ctrl-C, which during imports would end in a traceback. As long as it lives it
holds the file LOCK, so that no later run takes it for dead. Threads that wait for others give their core back at once,
unless the user decided how they wait: beside other processes, waiting at full speed slows all of them.
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
if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
    os.environ["OMP_WAIT_POLICY"] = "passive"
os.execvp(sys.argv[2], sys.argv[2:])
