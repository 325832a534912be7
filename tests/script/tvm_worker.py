"""Runs in an interpreter that has Apache TVM: reads a JSON request from standard input, answers in JSON.

A request is {"action": ..., "programs": [...]}. The actions: "print" gives each program's text as TVM prints it;
"schedule" the text after the steps in the program's "steps"; "run" the arrays after running the program on "arrays",
each {"shape", "dtype", "data"}. A program that TVM refuses answers {"error": message}.
"""

import json
import sys

import numpy as np
import tvm  # noqa: TID251 (this file is run by another interpreter and imports nothing of the package)
from tvm import s_tir  # noqa: TID251
from tvm.script import from_source  # noqa: TID251


def printed(program: dict) -> dict:
    return {"text": from_source(program["text"]).script()}


def scheduled(program: dict) -> dict:
    sch = s_tir.Schedule(from_source(program["text"]))
    exec(program["steps"], {"sch": sch})
    return {"text": sch.mod.script()}


def run(program: dict) -> dict:
    function = tvm.compile(from_source(program["text"]), target="llvm")[program["name"]]
    arrays = [np.array(a["data"], a["dtype"]).reshape(a["shape"]) for a in program["arrays"]]
    # TVM assumes memory aligned to 64 bytes, which numpy does not promise.
    tensors = [tvm.runtime.tensor(a) for a in arrays]
    function(*tensors)
    return {"arrays": [t.numpy().ravel().tolist() for t in tensors]}


ACTIONS = {"print": printed, "schedule": scheduled, "run": run}


def answer(action: str, program: dict) -> dict:
    try:
        return ACTIONS[action](program)
    except Exception as error:  # noqa: BLE001 (whatever TVM raises is the answer)
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    request = json.load(sys.stdin)
    json.dump([answer(request["action"], p) for p in request["programs"]], sys.stdout)


if __name__ == "__main__":
    main()
