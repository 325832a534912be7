"""Makes the same schedule steps by us and by Apache TVM, program by program as text, and compares the results.

    python benchmarks/peer_diff.py --tvm-python PATH [--sequences N] [--seconds S] [--only PRIMITIVE] [--json FILE]

Every step starts from our program, so that one difference does not hide what comes after it. Where the two disagree
the interpreter, with its sanitizer, says whose program still computes what it did.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import os
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import harness
import peer_cases
import peer_programs
import tutorials
from peer_listed import listed
from steps import NoStep, Step, random_step, undrawable
from tensorir import PrimFunc, Schedule, ScheduleError, T, TensorIntrin, UserError, parse
from tensorir.codegen.interpreter import run
from tensorir.codegen.passes import plan_and_update_buffer_allocation_location as placement
from tensorir.codegen.target import Target
from tensorir.schedule.primitive import REGISTRY
from tensorir.schedule.relaid import Layouts, into_layouts, out_of_layouts
from tensorir.schedule.verify import Case
from tensorir.script import workloads as w
from tensorir.tir.arith.analyzer import Analyzer
from tensorir.tir.errors import CallError, TensorIRError
from tensorir.tir.function import as_module
from tensorir.tir.node import EMPTY
from tensorir.tir.same import first_difference
from tensorir.tir.stmt import Block
from tensorir.tir.visit import Rewriter

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))  # the random programs are the tests'

WORKLOADS: dict[str, PrimFunc] = {
    "matmul": w.matmul(6, 8, 10),
    "matmul_relu": w.matmul_relu(7, 8, 5),
    "batch_matmul": w.batch_matmul(2, 4, 6, 3),
    "dense": w.dense(4, 6, 8),
    "conv1d_nlc": w.conv1d_nlc(1, 9, 3, 4, 3, 1, 1),
    "conv2d_nhwc": w.conv2d_nhwc(1, 5, 6, 3, 4, 3, 1, 1),
    "conv2d_nchw": w.conv2d_nchw(1, 3, 7, 6, 8, 3, 2, 1),
    "conv2d_nchw_packed": w.conv2d_nchw(1, 4, 6, 6, 8, 3, 1, 1),
    "depthwise_conv2d_nhwc": w.depthwise_conv2d_nhwc(1, 5, 5, 3, 3, 1, 1),
    "conv2d_winograd_nhwc": w.conv2d_winograd_nhwc(1, 4, 4, 2, 2),
    "max_pool2d_nchw": w.max_pool2d_nchw(1, 2, 6, 6, 2, 2),
    "softmax": w.softmax(4, 6),
    "attention": w.attention(1, 2, 3, 4),
    "layer_norm": w.layer_norm(4, 6),
    "rms_norm": w.rms_norm(4, 6),
    "relu": w.relu(8, 6),
    "gelu": w.gelu(5, 6),
    "row_sum": w.row_sum(8, 12),
    "argmax": w.argmax(4, 7),
    "transpose": w.transpose(6, 8),
    "separable_blur": w.separable_blur(6, 6),
}

TUTORIALS = tutorials.__all__

Reprint = Callable[[PrimFunc], str]

SAME, EQUAL, SIMPLER, CODE, RESULTS = "same text", "equal", "equal simplified", "same code", "same results"
REFUSED = "both refuse"
AGREE = (SAME, EQUAL, SIMPLER, CODE, RESULTS, REFUSED)
"""Agreements: to the letter; but for names; after simplification; but for the regions of blocks; equal results only;
both refuse."""

WRONG = ("we are wrong", "both wrong", "only we accept, wrong")
"""Outcomes after which our program is not what it was, so that it is no use to go on."""


UNSAFE = ("annotate_buffer_access", "unsafe_hide_buffer_access", "unsafe_set_dtype")
"""Steps that hold on the caller's word; they are taken back, since at random that word is not true."""


@dataclass
class Record:
    """What came of one step: the outcome, the programs around it and each side's word."""

    program: str
    step: str
    primitive: str
    outcome: str = ""
    detail: str = ""
    before: str = ""
    ours: str = ""
    theirs: str = ""
    reprinted: str = ""
    """Our program as TVM reads and prints it."""
    listed: str = ""
    """The class in `docs/tvm-differences.md` that a disagreement belongs to; "" for none."""


class Unjudged(Exception):
    """The program before the step cannot be run, or not as the one after it, so nothing tells who is right."""


class _Bare(Rewriter):
    """Drops what is no code: the regions that blocks declare, and the attributes of functions."""

    def visit_block(self, node: Block) -> Block:
        return node.map_children(self).replace(reads=(), writes=())

    def visit_prim_func(self, node: PrimFunc) -> PrimFunc:
        return super().visit_prim_func(node).replace(attrs=EMPTY)


def simplified(func: PrimFunc) -> PrimFunc:
    """`func` simplified, without attributes."""
    return Analyzer().simplify_stmt(func).replace(attrs=EMPTY)


def only(module: Any) -> PrimFunc:
    """The one function of a module."""
    return module[next(iter(module))]


def readable(text: str) -> str:
    """A program as TVM prints it, with symbolic sizes of 64 bits, which it declares outside, declared inside."""
    names = re.findall(r"^(\w+) = TypeVar\(.*\)$", text, re.M)
    if not names:
        return text
    text = re.sub(r"^\w+ = TypeVar\(.*\)\n", "", text, flags=re.M)
    head, params, body = re.split(r"(?<=\bdef )(\w+\(.*\)):\n", text, maxsplit=1)
    lines = [f"        {name} = T.int64()\n" for name in names]
    for name, what in re.findall(r"(\w+): T\.Buffer(\(.*?\))(?=, \w+:|\)$)", params):
        if any(re.search(rf"\b{size}\b", what) for size in names):
            params = params.replace(f"{name}: T.Buffer{what}", f"{name}_handle: T.handle")
            lines.append(f"        {name} = T.match_buffer({name}_handle, {what[1:]}\n")
    return f"{head}{params}:\n{''.join(lines)}{body}"


def placed(func: PrimFunc) -> PrimFunc:
    """The function with its allocations moved inwards, as lowering does: loops get memory of their own."""
    return placement.plan_and_update_buffer_allocation_location(func, Target("llvm"))


def sanitary(func: PrimFunc) -> bool:
    """Whether the sanitizer has nothing to say about `func`."""
    try:
        run(placed(func), *Case(func, 0, {}).arguments(), sanitize=True)
    except UserError:
        return False
    return True


def wrong(before: PrimFunc, after: PrimFunc, layouts: Layouts) -> str:
    """How `after` fails to compute what `before` does, in words; "" if it does not.

    `layouts` are the changes of layout that the step made to the parameters.
    """
    case = Case(before, 0, {})
    expected, given = case.arguments(), case.arguments()
    try:
        run(before, *expected)
    except UserError as error:
        raise Unjudged(str(error)) from None
    clean = sanitary(before)
    actual = into_layouts(given, layouts)
    try:
        run(placed(after) if clean else after, *actual, sanitize=clean)
    except CallError as error:
        raise Unjudged(f"the parameters are others: {error}") from None
    except UserError as error:
        said = str(error).splitlines()[0]
        if "no implementation of the external function" in said:
            raise Unjudged(said) from None
        return said
    return case.difference(expected, out_of_layouts(actual, given, layouts), 1e-4) or ""


def plainly(func: PrimFunc) -> PrimFunc:
    """`func` without attributes."""
    return func.replace(attrs=EMPTY)


def differ(ours: PrimFunc, theirs: PrimFunc) -> tuple[str, str]:
    """The outcome as far as the structure tells, and the place of the first difference in it."""
    written = first_difference(plainly(ours), plainly(theirs))
    if written is None:
        return EQUAL, ""
    a, b = simplified(ours), simplified(theirs)
    difference = first_difference(a, b)
    if difference is None:
        return SIMPLER, written[0]
    bare = first_difference(_Bare()(a), _Bare()(b))
    return (CODE, difference[0]) if bare is None else (RESULTS, bare[0])


def first_other_line(ours: str, theirs: str) -> str:
    """The first line in which two texts differ, in both."""
    for a, b in zip_longest(ours.splitlines(), theirs.splitlines(), fillvalue=""):
        if a != b:
            return f"{a.strip()} | {b.strip()}"
    return ""


def compare(before: PrimFunc, ours: PrimFunc, layouts: Layouts, reply: str, text: str) -> tuple[str, str]:
    """The outcome where both accept, TVM gives `reply`, and reads ours as `text`; and what is to be said about it."""
    theirs = only(parse(readable(reply)))
    outcome, place = differ(only(parse(readable(text))) if text else ours, theirs)
    if outcome == EQUAL:
        return EQUAL, first_other_line(text, reply)
    if outcome != RESULTS:
        return outcome, f"{place}: {first_other_line(text, reply)}"
    we, they = wrong(before, ours, layouts), wrong(before, theirs, layouts)
    if we and they:
        return "both wrong", we
    return ("we are wrong", we) if we else ("TVM is wrong", they) if they else (RESULTS, place)


def judge(
    before: PrimFunc, ours: PrimFunc | Exception, layouts: Layouts, reply: dict[str, Any], reprint: Reprint
) -> tuple[str, str]:
    """The outcome of a step that gave us a program or an error, and TVM `reply`; and what is to be said about it.

    `layouts` are the changes of layout that we made to parameters.
    """
    if "text" not in reply and "refused" not in reply:
        return next(("TVM " + k, v) for k, v in reply.items())
    if isinstance(ours, Exception) and not isinstance(ours, ScheduleError):
        return "we fail", f"{type(ours).__name__}: {ours}"
    if "refused" in reply:
        if isinstance(ours, ScheduleError):
            return REFUSED, ""
        bad = wrong(before, ours, layouts)
        return ("only we accept, wrong", bad) if bad else ("only we accept", reply["refused"])
    # TVM folds and rewrites some things while it reads a program; that is no difference between the steps.
    text = reprint(ours) if isinstance(ours, PrimFunc) else ""
    if text == reply["text"]:
        return SAME, ""
    try:
        theirs = only(parse(readable(reply["text"])))
    except TensorIRError as failure:
        return "TVM unreadable", str(failure)
    if isinstance(ours, ScheduleError):
        bad = wrong(before, theirs, layouts)
        return ("only TVM accepts, wrong", bad) if bad else ("only TVM accepts", str(ours))
    return compare(before, ours, layouts, reply["text"], text)


class Tvm(harness.Worker):
    """TVM's process, started again when a step ends it."""

    def __init__(self, python: str) -> None:
        peer = harness.Peer("tvm", python, "")
        super().__init__(peer, {**os.environ, "TVM_NUM_THREADS": "1"}, "schedule_worker.py")
        self.python = python

    def ask(self, **request: Any) -> dict[str, Any]:
        """TVM's reply."""
        reply = super().ask(**request)
        if "error" in reply:
            self.__init__(self.python)
        return reply

    def reprint(self, func: PrimFunc) -> str:
        """The function as TVM reads and prints it; "" where TVM cannot."""
        return self.ask(text=as_module(func).script(dialect="tvm")).get("text", "")


def classified(record: Record) -> Record:
    """The record with the class of its disagreement, which our refusal tells where there is one."""
    if record.outcome not in AGREE:
        said = record.ours if record.outcome == "only TVM accepts, wrong" else record.detail
        record.listed = listed(record.primitive, record.outcome, said) or ""
    return record


def _sorted(answer: Any) -> Any:
    return sorted(answer) if isinstance(answer, list) else answer


def compared(tvm: Tvm, sch: Schedule, record: Record, make: Callable[[], Any], **request: Any) -> Any:
    """Fill in the record of what `make` does to our schedule and `request` to the same program of TVM's.

    Gives what both returned.
    """
    before = only(sch.mod)
    former = sch.state.layouts_of(sch.func_working_on)
    record.before = before.script()
    given: Any = None
    ours: PrimFunc | Exception
    try:
        given = make()
        ours = only(sch.mod)
        record.ours = ours.script()
    except Exception as error:  # noqa: BLE001 - a crash of ours is a result, too
        ours = error
        record.ours = str(error)
    try:
        reply = tvm.ask(text=as_module(before).script(dialect="tvm"), **request)
    except UserError as error:
        record.outcome, record.detail = "no text for TVM", str(error)
        return None
    record.theirs = reply.get("text") or reply.get("refused", "")
    try:
        made = sch.state.layouts_of(sch.func_working_on)
        layouts = {n: all_[len(former.get(n, ())) :] for n, all_ in made.items() if all_ != former.get(n)}
        record.outcome, record.detail = judge(before, ours, layouts, reply, tvm.reprint)
        if record.outcome in (EQUAL, SIMPLER, CODE, RESULTS) and isinstance(ours, PrimFunc):
            record.reprinted = tvm.reprint(ours)
    except Unjudged as error:
        record.outcome, record.detail = "not judged", str(error)
    return given, reply.get("given")


def try_step(tvm: Tvm, sch: Schedule, name: str, step: Step) -> Record:
    """Make `step` on both sides; ours stays in `sch`."""
    record = Record(name, str(step), step.name)
    answers = compared(tvm, sch, record, lambda: step.apply(sch), **asdict(step))
    if record.outcome in (SAME, EQUAL) and REGISTRY[step.name].pure and _sorted(answers[0]) != _sorted(answers[1]):
        record.outcome, record.detail = "other answers", f"{answers[0]} and {answers[1]}"
    return classified(record)


def try_tutorial(tvm: Tvm, name: str) -> Record:
    """Run a whole schedule of `tutorials.py` on both sides."""
    sch = Schedule(tutorial_program(name), seed=0)
    record = Record(name, name, "a tutorial")
    compared(tvm, sch, record, lambda: getattr(tutorials, name)(sch), tutorial=name)
    return classified(record)


def tutorial_program(name: str) -> PrimFunc:
    """The workload that a tutorial schedules: that of its name, or of its name up to the last underscore."""
    return WORKLOADS.get(name) or WORKLOADS[name.rpartition("_")[0]]


def try_case(tvm: Tvm, program: str, code: str) -> Record:
    """Run a schedule of `peer_cases.py` on both sides; the primitive is the last it names."""
    sch = Schedule(parse(peer_programs.DECORATED.format(peer_programs.PROGRAMS[program])), seed=0)
    named = [name for name in re.findall(r"sch\.(\w+)", code) if name != "get_loops"]
    record = Record(program, code, named[-1])
    compared(tvm, sch, record, lambda: peer_cases.make(sch, T, code, sch.get_block), case=code)
    return classified(record)


@functools.cache
def runs(program: PrimFunc) -> bool:
    """Whether the interpreter can run a program: it calls no function of somebody else."""
    try:
        run(program, *Case(program, 0, {}).arguments())
    except UserError:
        return False
    return True


def programs(rng: random.Random) -> tuple[str, PrimFunc]:
    """A random program: a workload, one of the tests' programs, or one made at random."""
    from tests.choices import Choices
    from tests.random_programs import random_program
    from tests.schedule import programs as fixed

    kind = rng.random()
    if kind < 0.4:
        return rng.choice(list(WORKLOADS.items()))
    if kind < 0.6:
        return rng.choice([(name, program) for name, program in fixed.ALL.items() if runs(program)])
    seed = rng.randrange(1 << 30)
    return f"random {seed}", random_program(Choices.seeded(seed))


def sequence(tvm: Tvm, seed: int, names: list[str], tries: int) -> list[Record]:
    """The records of `tries` random steps on one program."""
    rng = random.Random(seed)
    name, program = programs(rng)
    sch = Schedule(program, seed=0)
    records = []
    for _ in range(tries):
        try:
            step = random_step(sch, rng, names)
        except NoStep:
            continue
        done = len(sch.trace)
        records.append(try_step(tvm, sch, f"{name}, sequence {seed}", step))
        if step.name in UNSAFE:
            sch.undo(len(sch.trace) - done)
        if records[-1].outcome in WRONG:
            break
    return records


def table(records: list[Record]) -> str:
    """Primitive by outcome, in numbers of steps."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        counts[record.primitive][record.outcome] += 1
    seen = {record.outcome for record in records}
    columns = [*(o for o in AGREE if o in seen), *sorted(seen - set(AGREE))]
    rows = [
        ["primitive", *columns],
        *([name, *(str(c[o] or "") for o in columns)] for name, c in sorted(counts.items())),
    ]
    total = Counter(record.outcome for record in records)
    rows.append(["all", *(str(total[o]) for o in columns)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(n) for cell, n in zip(row, widths, strict=True)) for row in rows)


def summary(records: list[Record]) -> str:
    """How many steps agree, how many disagree as listed, by class, and which others do."""
    total = Counter(record.outcome for record in records)
    apart = [record for record in records if record.outcome not in AGREE]
    same = sum(total[outcome] for outcome in AGREE if outcome != REFUSED)
    lines = [f"{len(records)} steps: {same} give the same, {total[REFUSED]} both refuse, {len(apart)} disagree"]
    classes = Counter(record.listed for record in apart if record.listed)
    lines += [f"{n:6}  {title}" for title, n in classes.most_common()]
    unlisted = [record for record in apart if not record.listed]
    lines.append(f"{len(unlisted)} disagreements that docs/tvm-differences.md does not list")
    lines += [f"        {r.outcome}: {r.step} on {r.program}" for r in unlisted]
    return "\n".join(lines)


def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tvm-python", metavar="PATH", required=True, help="the interpreter that has TVM")
    parser.add_argument("--sequences", type=int, default=200, help="how many programs (default 200)")
    parser.add_argument("--tries", type=int, default=12, help="steps tried on each (default 12)")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no sequence after so long")
    parser.add_argument("--seed", type=int, default=0, help="number of the first sequence")
    parser.add_argument("--random-only", action="store_true", help="leave out the tutorials and the typical schedules")
    parser.add_argument("--only", nargs="+", metavar="PRIMITIVE", help="only these primitives")
    parser.add_argument("--show", action="store_true", help="print every disagreement")
    parser.add_argument("--json", metavar="FILE", help="write all disagreements and the counts as JSON")
    args = parser.parse_args()
    left_out = undrawable()
    names = args.only or [name for name in REGISTRY if name not in left_out]
    tvm = Tvm(args.tvm_python)
    for name, texts in peer_programs.INTRINSICS.items():
        TensorIntrin.register(name, *(parse(peer_programs.DECORATED.format(text)) for text in texts))
    records = []
    if not args.only and not args.random_only:
        records = [try_tutorial(tvm, name) for name in TUTORIALS]
        records += [try_case(tvm, program, code) for program, code in peer_cases.cases()]
    end = time.monotonic() + args.seconds
    done = 0
    while done < args.sequences and time.monotonic() < end:
        records += sequence(tvm, args.seed + done, names, args.tries)
        done += 1
    tvm.stop()
    apart = [record for record in records if record.outcome not in AGREE]
    if args.show:
        for r in apart:
            print(f"--- {r.outcome}: {r.step} on {r.program}: {r.detail}")
            print(f"{r.before}\n=== ours\n{r.ours}\n=== TVM\n{r.theirs}\n")
    print(table(records))
    print(f"{done} sequences, from {args.seed} on; {summary(records)}")
    if not args.only:
        print(f"left out: {', '.join(left_out)}")
    if args.json:
        counts = Counter((record.primitive, record.outcome) for record in records)
        listed = [{"primitive": p, "outcome": o, "steps": n} for (p, o), n in sorted(counts.items())]
        told = [asdict(record) for record in records if record.outcome not in (SAME, REFUSED)]
        Path(args.json).write_text(json.dumps({"counts": listed, "records": told}, indent=1))


if __name__ == "__main__":
    main()
