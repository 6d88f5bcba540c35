"""The processes of this machine, as tests look for those that they have started."""

import os
import re
import subprocess


def environment_of(pid):
    """As text, with a zero behind each variable; empty where the process is gone, is dead, or is another user's."""
    try:
        with open(f"/proc/{pid}/environ", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def naming(text):
    """Those in whose environment the text stands; not what is dead and waits for its parent."""
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and text in environment_of(pid)]


def children_of(parent, name):
    """Those with this name."""
    found = subprocess.run(["pgrep", "-P", str(parent), name], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


def ranks_of(launcher):
    """{rank: pid} of the thinnet that an mpirun has started."""
    found = {pid: re.search(r"(?:\A|\0)OMPI_COMM_WORLD_RANK=(\d+)", environment_of(pid)) for pid in children_of(launcher, "thinnet")}
    return {int(rank[1]): pid for pid, rank in found.items() if rank}


def state_of(pid):
    """Its state as a letter, e.g. T (stopped); None where it has ended, whether or not somebody has asked for its exit status."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            state = file.read().rpartition(")")[2].split()[0]
    except OSError:
        return None
    return None if state in "ZX" else state
