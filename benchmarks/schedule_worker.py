"""Applies single schedule steps to programs by Apache TVM, in whatever interpreter it is started with, over JSON lines.

Each line of standard input is a request, answered with one line:

    {"text": program, "name": primitive, "inputs": [...], "attributes": {...}}
        -> {"text": the program after it, "given": names of blocks and numbers it returned}
        |  {"refused": message}   (the step does not apply, or TVM failed in it)
        |  {"lost": message}      (TVM does not find the blocks or loops)
        |  {"unread": message}    (TVM cannot parse the program)
    {"text": program, "tutorial": name} -> as above, of a whole schedule of `tutorials.py`
    {"text": program, "case": Python text} -> as above, of a schedule of `peer_cases.py`
    {"text": program} -> {"text": the program as TVM prints it}

Arguments are plain data; `steps.py` says how handles are written. It needs Python 3.9, `tutorials.py`,
`peer_cases.py` and `peer_programs.py`, nothing of tensorir.
"""

import functools
import json
import os
import sys

import peer_cases
import peer_programs
import tutorials
from tvm import s_tir
from tvm.script import from_source
from tvm.script import tirx as T

NAMES = {"get_block": "get_sblock"}
"""What TVM calls otherwise."""


@functools.lru_cache(maxsize=4)
def parsed(text):
    """The module of a program's text."""
    return from_source(text)


def argument(sch, value):
    """The value that plain data stands for."""
    if isinstance(value, list):
        return [argument(sch, v) for v in value]
    if not isinstance(value, dict):
        return value
    ((tag, inner),) = value.items()
    if tag == "block":
        block = sch.get_sblock("root")
        for i in inner:
            block = sch.get_child_blocks(block)[i]
        return block
    if tag == "loop":
        path, i = inner
        return sch.get_loops(argument(sch, {"block": path}))[i]
    if tag == "tuple":
        return tuple(argument(sch, v) for v in inner)
    if tag == "map":
        return eval(inner)
    raise ValueError(f"unknown argument {value}")


def shown(sch, value):
    """What a primitive returned, as plain data: names of blocks, numbers."""
    if isinstance(value, (bool, int)) or value is None:
        return value
    if isinstance(value, s_tir.schedule.SBlockRV):
        return sch.get(value).name_hint
    if isinstance(value, s_tir.schedule.LoopRV):
        return "loop"
    return [shown(sch, v) for v in value]


def answer(request):
    """The reply to one request."""
    try:
        module = parsed(request["text"])
    except BaseException as error:  # noqa: BLE001 - diagnostics are raised as SystemExit, too
        return {"unread": f"{type(error).__name__}: {error}"}
    if not request.keys() & {"name", "tutorial", "case"}:
        return {"text": module.script()}
    try:
        sch = s_tir.Schedule(module, error_render_level="fast")
        sch.work_on(sch.mod.get_global_vars()[0].name_hint)
        if "tutorial" in request:
            getattr(tutorials, request["tutorial"])(sch)
            return {"text": sch.mod.script()}
        if "case" in request:
            peer_cases.make(sch, T, request["case"], sch.get_sblock)
            return {"text": sch.mod.script()}
        inputs = [argument(sch, v) for v in request["inputs"]]
        attributes = {k: argument(sch, v) for k, v in request["attributes"].items()}
    except Exception as error:  # noqa: BLE001
        return {"lost" if "name" in request else "refused": f"{type(error).__name__}: {error}"}
    name = NAMES.get(request["name"], request["name"])
    try:
        given = getattr(sch, name)(*inputs, **attributes)
        return {"text": sch.mod.script(), "given": shown(sch, given)}
    except Exception as error:  # noqa: BLE001 - TVM's failures have many types; the harness tells which it was
        return {"refused": f"{type(error).__name__}: {error}"}


def main():
    """Answer requests until standard input ends."""
    for name, texts in peer_programs.INTRINSICS.items():
        s_tir.TensorIntrin.register(name, *(parsed(peer_programs.DECORATED.format(text)) for text in texts))
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print goes to standard error
    for line in sys.stdin:
        replies.write(json.dumps(answer(json.loads(line))) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
