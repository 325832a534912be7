"""Runs one peer's side of the cases in whatever interpreter it is started with, and speaks JSON with the harness.

`python worker.py PEER` reads one request per line from standard input and answers each with one line:

    {"load": "path/of/case.py"} -> {"loaded": true} | {"absent": true}   (the case has no entry for this peer)
        with "shape": sizes by name, "folder": of files written by prepare.py, for the case of a kernel
    {"measure": seconds, "clock": "wall" | "cpu"}
        -> {"ms": median milliseconds of one run, "runs": how many, "disturbed": the share of them that was}

Anything that goes wrong is answered with {"error": text}. It needs Python 3.9 and numpy, nothing of tensorir.
"""

import gc
import importlib.util
import json
import os
import resource
import statistics
import sys
import time
import traceback
from itertools import repeat

# A bunch of runs shorter than this is dominated by the clock.
BUNCH_SECONDS = 2e-3
MAX_BUNCHES = 1000
# "cpu" is the processor time of all the process's threads: comparable on a busy machine, blind to parallelism.
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def load(peer, path, **kernel):
    """(task, its arrays, facts) of `peer` in the case at `path`, run and checked once; (None, [], {}) if it has none.

    A task is a callable without arguments. It may hold no more than the address of an array, so keep the arrays.
    """
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.append(folder)  # cases of a folder share its _*.py
    name = "case_" + os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # inspect.getsource, which decorators use, looks modules up here
    spec.loader.exec_module(module)
    if kernel:
        import kernel_case

        return kernel_case.load(peer, module, **kernel)
    maker = module.PEERS.get(peer)
    if maker is None:
        return None, [], {}
    arrays = module.inputs() if hasattr(module, "inputs") else []
    task = maker(*arrays)
    task()
    if hasattr(module, "check"):
        module.check(*arrays)
    return task, arrays, {}


def bunch(task, runs, clock):
    """Milliseconds one run takes, over `runs` runs; a task that returns a number has timed itself, in milliseconds."""
    own = 0.0
    timed_itself = False
    start = clock()
    for _ in repeat(None, runs):
        result = task()
        if type(result) is float:
            own += result
            timed_itself = True
    elapsed = 1e3 * (clock() - start)
    return (own if timed_itself else elapsed) / runs


def preemptions():
    """How often this process's threads were taken off a processor for somebody else's."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def measure(task, seconds, clock):
    """Run the task for about `seconds`, at least one bunch.

    Bunches in which another process took a processor away count only where there are too few others: on a machine
    that is not ours alone, they would say who was unlucky.

    Returns
    -------
    median milliseconds of one run, how many runs there were, and the share of the bunches that were disturbed.
    """
    gc.collect()
    start = time.perf_counter()
    bunch(task, 1, clock)
    first = time.perf_counter() - start
    runs = max(1, int(BUNCH_SECONDS / max(first, 1e-7)))
    samples, undisturbed = [], []
    while len(samples) < MAX_BUNCHES:
        before = preemptions()
        samples.append(bunch(task, runs, clock))
        if preemptions() == before:
            undisturbed.append(samples[-1])
        if time.perf_counter() - start >= seconds:
            break
    enough = len(undisturbed) >= min(3, len(samples))
    share = 1 - len(undisturbed) / len(samples)
    return statistics.median(undisturbed if enough else samples), runs * len(samples), share


def main():
    """Answer requests until standard input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print goes to standard error
    task, _arrays = None, []
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "load" in request:
                task, _arrays, facts = load(sys.argv[1], request.pop("load"), **request)
                reply = {"absent": True} if task is None else {"loaded": True, **facts}
            else:
                ms, runs, disturbed = measure(task, request["measure"], CLOCKS[request["clock"]])
                reply = {"ms": ms, "runs": runs, "disturbed": disturbed}
        except Exception:  # noqa: BLE001 - the harness reports it and goes on with the other peers
            reply = {"error": traceback.format_exc()}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
