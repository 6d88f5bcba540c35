"""One trial of scripts/torture: a training of a configuration that is drawn, hit by faults that are drawn, resumed on ranks that
are drawn until it is done, and compared with the training that nobody disturbed, on one rank."""

import collections
import os
import random
import re
import signal
import subprocess
import time

from command_case import checkpoint_contents, launch
from fault_case import BARE, shim_variables
from processes import ranks_of, state_of
from test_any_ranks import ALGORITHMS, CHOICES, RANKS, TRANSPORTS, AnyRanksCase, surroundings

LIMIT_S = 1200  # a run takes some seconds, on a crowded machine a hundred times that; one that takes longer hangs
CALLS = ("open", "write", "fsync", "rename", "link", "unlink", "any")

# What is drawn, with its name in the table.
SIGNALS = {
    "SIGUSR1 to mpirun": "stop", "kill -9 of a rank": "rank", "kill -9 of rank 0": "root", "kill -9 of mpirun": "launcher",
}
STRIKES = {
    "a system call that fails once": "once", "a system call that fails from then on": "lasting",
    "death at a system call": "kill", "power loss: unsynced bytes": "data_loss", "power loss: unsynced names too": "name_loss",
}
DAMAGE = "a damaged newest checkpoint"
ORPHAN = "a rank that outlives its mpirun"
FAULTS = (*SIGNALS, *STRIKES, DAMAGE, ORPHAN)
DRAWN = (*FAULTS, DAMAGE, DAMAGE, ORPHAN)  # the last two often find nothing to do
NO_FAULT = ("any", "once", 0)

Attempt = collections.namedtuple("Attempt", "status errors hit")


def signal_to(pid, number):
    """False where there is nobody any more."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


class Trial(AnyRanksCase):
    """Runs once: go() returns whether nothing was lost; `hits` and `story` say what happened."""

    def __init__(self, seed, number):
        super().__init__()
        self.draw = random.Random(f"{seed}/{number}")
        self.hits = collections.Counter()
        self.story = []
        self.attempts = 0
        self.launcher_failures = 0
        self.damaged = {}  # inodes by name
        self.orphans = []

    def go(self):
        self.setUp()
        try:
            self.suffer()
            return True
        except Exception as error:  # whatever goes wrong: a campaign that ends early has shown nothing
            self.story.append(f"LOST: {type(error).__name__}: {error}")
            return False
        finally:
            self.doCleanups()

    def suffer(self):
        self.settings = self.draw_settings()
        while not self.train_whole():
            self.settings = self.draw_settings()
        self.story.append(" ".join(self.settings[1::2]))
        self.expected = self.result("whole")
        for _ in range(self.draw.randint(2, 7)):
            if self.attempt(self.draw.choice(DRAWN)):
                break
        self.finish()

    def train_whole(self):
        """False where nothing can be compared: some combinations diverge, and say so."""
        os.makedirs(self.path("session"), exist_ok=True)
        arguments = launch(0, ["train", self.config, "-o", self.path("whole"), "--overwrite", "--quiet", *self.settings])
        done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False,
                              env={**os.environ, **BARE, "OMPI_MCA_orte_tmpdir_base": self.path("session")})
        if done.returncode == 1 and re.search("a value of .* is not below|is not finite", done.stderr):
            return False
        self.assertEqual(done.returncode, 0, done.stderr)
        return True

    def draw_settings(self):
        settings = [setting for choices in CHOICES.values() for setting in self.draw.choice(choices)]
        settings += [f"output.checkpoint_every_steps={self.draw.randint(1, 4)}", f"output.keep={self.draw.randint(2, 4)}",
                     f"train.epochs={self.draw.randint(8, 20)}"]
        return [word for setting in settings for word in ("-s", setting)]

    def result(self, run):
        names = [name for name in ("last.h5", "best.h5") if os.path.exists(self.path(run, name))]
        return {"metrics.h5": self.columns(run), **{name: checkpoint_contents(self.path(run, name)) for name in names}}

    def start(self, fault=NO_FAULT):
        ranks, algorithm, transport = self.draw.choice(RANKS), self.draw.randrange(len(ALGORITHMS)), self.draw.choice(TRANSPORTS)
        self.attempts += 1
        self.story.append(f"{ranks} ranks, {ALGORITHMS[algorithm]}, {transport}")
        environment = {**os.environ, **self.surroundings, **surroundings(algorithm, transport), "FAULT_SLOW": "1000",
                       **shim_variables(self.path("run"), fault, self.draw.choice(("EIO", "ENOSPC")), self.path("log"))}
        if os.path.exists(self.path("log")):
            os.remove(self.path("log"))
        arguments = ["train", self.config, "-o", self.path("run"), "--quiet", "--resume", *self.settings]
        with open(self.path("errors"), "w", encoding="utf-8") as errors:
            process = subprocess.Popen(launch(ranks, arguments), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=errors, cwd=self.folder, env=environment, start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def struck(self):
        try:
            with open(self.path("log"), encoding="utf-8") as file:
                return "struck" in file.read()
        except FileNotFoundError:
            return False

    def wait_for(self, process, condition):
        end = time.monotonic() + LIMIT_S
        while process.poll() is None and not condition():
            self.assertLess(time.monotonic(), end, "hangs")
            time.sleep(0.003)

    def end(self, process, hit):
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            ranks = subprocess.run(["ps", "-o", "pid,stat,wchan:20,time,args", "--ppid", str(process.pid)], capture_output=True,
                                   text=True, check=False)
            self.fail(f"hangs, {'hit' if hit else 'not hit'}:\n{ranks.stdout}")
        with open(self.path("errors"), encoding="utf-8", errors="replace") as file:
            return Attempt(process.returncode, file.read(), hit)

    def attempt(self, name):
        """One start with one fault, or damage before the next; true where the training has come to its end."""
        self.story.append(name)
        if name == DAMAGE:
            self.note(name, self.damage_newest())
            return False
        if name in SIGNALS:
            attempt = self.disturb(SIGNALS[name])
        elif name in STRIKES:
            attempt = self.strike(STRIKES[name])
        else:
            attempt = self.orphan()
        self.note(name, attempt.hit)
        self.judge(attempt, name)
        return attempt.status == 0

    def note(self, name, hit):
        self.hits[name] += hit
        self.story.append("hit" if hit else "missed")

    def owner(self):
        try:
            about = os.stat(self.path("run", "owner"))
        except FileNotFoundError:
            return None
        return about.st_ino, about.st_mtime_ns

    def disturb(self, target):
        """A signal at any instant: mostly after the run has taken its folder. Open MPI 4.1.4's mpirun can hang for ever where it is
        asked to hand a signal on while it is starting ranks, and ranks die of it in MPI_Init: SIGUSR1 always waits."""
        before = self.owner()
        process = self.start()
        if target == "stop" or self.draw.random() < 0.8:
            self.wait_for(process, lambda: self.owner() not in (None, before))
        time.sleep(self.draw.uniform(0, 1.5))
        hit = process.poll() is None
        if target in ("stop", "launcher"):
            hit = hit and signal_to(process.pid, signal.SIGUSR1 if target == "stop" else signal.SIGKILL)
        elif hit:
            pids = ranks_of(process.pid)
            rank = 0 if target == "root" else self.draw.choice(sorted(pids) or [0])
            hit = rank in pids and signal_to(pids[rank], signal.SIGKILL)
        self.wake_orphans(0.5)
        return self.end(process, hit)

    def strike(self, how):
        call = "any" if how.endswith("loss") else self.draw.choice(CALLS)
        process = self.start((call, how, self.draw.randint(1, 300 if call == "any" else 60)))
        self.wake_orphans(0.5)
        return self.end(process, None)._replace(hit=self.struck())

    def orphan(self):
        """Rank 0 falls asleep as it writes a file; then its mpirun is killed. The first calls of a start are left out: with
        them the folder is taken over, under a lock that others would wait for."""
        process = self.start((self.draw.choice(("create", "write", "fsync", "link")), "stop", self.draw.randint(4, 25)))
        self.wait_for(process, self.struck)
        root = ranks_of(process.pid).get(0) if process.poll() is None else None
        if root:
            self.orphans.append(root)
            self.addCleanup(signal_to, root, signal.SIGKILL)
            process.kill()
        return self.end(process, root is not None)

    def wake_orphans(self, probability):
        if self.draw.random() < probability:
            for pid in self.orphans:
                signal_to(pid, signal.SIGCONT)

    def damage_newest(self):
        """Where another one is left that is sound. Other names of the file are damaged with it."""
        steps = sorted(name for name in os.listdir(self.path("run"))
                       if re.fullmatch(r"step-\d+\.h5", name)) if os.path.isdir(self.path("run")) else []
        inodes = {name: os.stat(self.path("run", name)).st_ino for name in steps}
        if len(steps) < 2 or any(self.damaged.get(name) == inode for name, inode in inodes.items()):
            return False
        path = self.path("run", steps[-1])
        count = os.path.getsize(path)
        if count == 0:
            return False
        self.damaged[steps[-1]] = inodes[steps[-1]]
        with open(path, "r+b") as file:
            where = self.draw.randrange(count)
            kind = self.draw.choice(("bit", "zeros", "cut"))
            self.story.append(f"{kind} at {where} of {steps[-1]}")
            if kind == "cut":
                file.truncate(where)
                return True
            file.seek(where)
            old = file.read(1 if kind == "bit" else 4096)
            new = bytes([old[0] ^ 1 << self.draw.randrange(8)]) if kind == "bit" else bytes(len(old))
            file.seek(where)
            file.write(new)
        return new != old

    def judge(self, attempt, name):
        """Nobody claims a success that was none, nobody crashes but who was killed, and only what was damaged is refused."""
        self.story.append(f"exit {attempt.status}" + "".join("\n    " + line for line in attempt.errors.splitlines()
                                                             if "thinnet" in line))
        fails = STRIKES.get(name) in ("once", "lasting")
        for refused in re.findall(r"skipping a checkpoint that cannot be used: \S*/(\S+?):", attempt.errors):
            self.assertTrue(refused in self.damaged or fails, f"{refused} is refused, which nobody damaged")
        self.assertNotIn("the metrics of the run so far are lost", attempt.errors)
        if attempt.status == 0:
            return
        if not attempt.hit and self.is_launcher_s_own(attempt):
            self.launcher_failures += 1
            return
        self.assertTrue(attempt.hit, f"exit {attempt.status} without a fault\n{attempt.errors}")
        if name == "SIGUSR1 to mpirun":
            self.assertEqual(attempt.status, 75)
        elif fails:
            self.assertEqual(attempt.status, 1)
            self.assertIn("thinnet: error: ", attempt.errors)
        else:
            self.assertNotIn(attempt.status, (2, 75), attempt.errors)

    def is_launcher_s_own(self, attempt):
        """Where all is slow, mpirun sees ranks end, with 0, before it hears that they have finalized: "exiting improperly"."""
        return attempt.status == 1 and "exiting improperly" in attempt.errors and "thinnet: error" not in attempt.errors \
            and self.launcher_failures < 3

    def finish(self):
        """Undisturbed to the end; orphans wake up at the latest after that."""
        attempt = self.end(self.start(), False)
        while self.is_launcher_s_own(attempt):
            self.launcher_failures += 1
            attempt = self.end(self.start(), False)
        self.judge(attempt, "")
        self.assertEqual(attempt.status, 0, attempt.errors)
        self.wake_orphans(1)
        end = time.monotonic() + LIMIT_S
        while any(state_of(pid) for pid in self.orphans):
            self.assertLess(time.monotonic(), end, "an orphan does not end")
            time.sleep(0.01)
        self.compare(self.result("run"), self.expected, "at the end")
