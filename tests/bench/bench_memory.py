"""Runs a command, as one rank of several, and says how much memory it held at its peak: {"rank": ..., "bytes": ...}."""

import json
import os
import resource
import subprocess
import sys


def main():
    done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=False)
    rank = next((os.environ[name] for name in ("OMPI_COMM_WORLD_RANK", "PMI_RANK") if name in os.environ), "0")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(json.dumps({"rank": int(rank), "bytes": peak}))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
