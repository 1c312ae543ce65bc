"""A real Slurm of one node on loopback, for tests: no systemd, no accounting database, nothing outside a temporary
folder but a link in /etc/slurm.

    python tests/support/local_slurm.py    # starts it, and stops it on Ctrl-C
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch")
CONFIGURED = Path("/etc/slurm/slurm.conf")
PREFIX = "slurm_"
INSTALL = "apt-get install slurmctld slurmd slurm-client munge"

CONFIGURATION = """
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
# No cgroups, which a container may lack.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,batch_sched_delay=0
# Jobs that have ended stay on record.
MinJobAge=3600
# Seconds from SIGTERM to SIGKILL.
KillWait=10
# The node is what this file says: its GPUs are counters, its memory a promise.
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=20000 Gres=gpu:2
PartitionName=gpus Nodes=node Default=YES MaxTime=60
"""


def what_is_missing() -> str:
    """Why Slurm cannot run here, in a sentence, or nothing."""
    if os.getuid() != 0:
        return "a Slurm of its own needs root"
    if missing := [name for name in DAEMONS if not shutil.which(name)]:
        return f"{', '.join(missing)} not installed: {INSTALL}"
    if CONFIGURED.exists() and not is_left_behind():
        return "this machine has a Slurm already, in /etc/slurm"
    return ""


def is_left_behind() -> bool:
    """Whether Slurm's configuration is that of tests which were killed, and nothing runs by it."""
    folder = CONFIGURED.resolve().parent
    return folder.parent == Path(gettempdir()) and folder.name.startswith(PREFIX) and not is_up()


def is_up() -> bool:
    return "is UP" in slurm("scontrol", "ping")


def free_ports(n: int) -> list[int]:
    """Ports on loopback that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Ask five times a second until it is so."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} seconds")
        time.sleep(0.2)


def slurm(*command: str) -> str:
    """What a command of Slurm's prints."""
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout.strip()


@contextmanager
def running(*command: str, log: Path) -> Iterator[None]:
    """A daemon in the foreground, ended when the block is."""
    environment = {**os.environ, "SLURM_CONF": str(log.parent / "slurm.conf")}
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a test is not for it
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def local_slurm() -> Iterator[None]:
    """Slurm, ready for jobs; those that are left at the end are cancelled."""
    with TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        folder.chmod(0o755)  # munged insists
        (folder / "state").mkdir()
        (folder / "spool").mkdir()
        host = socket.gethostname().split(".")[0]
        (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, host=host, ports=free_ports(2)))
        (folder / "gres.conf").write_text("NodeName=node Name=gpu File=/dev/null,/dev/zero\n")
        key, munge_socket = folder / "munge.key", folder / "munge.socket"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        # The job steps that Snakemake's plugin starts know no SLURM_CONF, so the file must be where Slurm looks first.
        CONFIGURED.parent.mkdir(exist_ok=True)
        CONFIGURED.unlink(missing_ok=True)  # left behind by tests that were killed
        CONFIGURED.symlink_to(folder / "slurm.conf")
        with ExitStack() as stack:
            stack.callback(CONFIGURED.unlink)
            munge = ["munged", "-F", f"--key-file={key}", f"--socket={munge_socket}", f"--pid-file={folder}/munge.pid"]
            munge += [f"--seed-file={folder}/munge.seed", f"--log-file={folder}/munged.log"]
            stack.enter_context(running(*munge, log=folder / "munged.out"))
            wait_until(munge_socket.exists, "munged")
            stack.enter_context(running("slurmctld", "-D", log=folder / "slurmctld.out"))
            wait_until(is_up, "slurmctld")
            stack.enter_context(running("slurmd", "-D", "-N", "node", log=folder / "slurmd.out"))
            wait_until(lambda: slurm("sinfo", "-h", "-o", "%T") == "idle", "slurmd")
            stack.callback(wait_until, lambda: not slurm("squeue", "-h"), "the last job's end")
            stack.callback(slurm, "scancel", "--user=root")
            yield


if __name__ == "__main__":
    with local_slurm():
        print("Slurm is up.")
        signal.sigwait([signal.SIGINT, signal.SIGTERM])
