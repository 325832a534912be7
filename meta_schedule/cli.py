"""The commands of tuning: `tune`, `reproduce`, `database` and `fleet`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..tir.errors import UserError

if TYPE_CHECKING:
    from ..tir.function import IRModule
    from .result import TuningResult


def add_commands(commands: Any) -> None:
    """Declare the commands to an argparse `subparsers` object; each sets `act`, a function of the options."""
    command = commands.add_parser("tune", help="search fast schedules for the programs that a file defines")
    command.add_argument("file", type=Path)
    command.add_argument("function", nargs="?", help="one of the programs; all of them by default")
    command.add_argument("--target", help="default: the machine that measures")
    command.add_argument("--trials", type=int, help="candidates to measure for each function")
    command.add_argument("--seconds", type=float, help="how long to take")
    command.add_argument("--database", type=Path, help="where to keep measurements (default: FILE.tuning.db)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--space", metavar="NAME", help="a function of the file that describes the design space")
    command.add_argument("--strategy", default="evolutionary")
    command.add_argument("--cost-model", default="lightgbm")
    command.add_argument("--task-scheduler", default="gradient")
    command.add_argument("--fleet", metavar="ADDRESS", help='measure on a Ray cluster: its head, or "auto"')
    command.add_argument("--kind", help="the kind of the cluster's machines to measure on")
    command.add_argument("--html", type=Path, help="write the report as a page, too")
    command.add_argument("--output", type=Path, help="write the tuned module's text to a file")
    command.set_defaults(act=run_tune)
    command = commands.add_parser("reproduce", help="build, check and time a measured candidate again")
    command.add_argument("file", type=Path, metavar="DATABASE")
    command.add_argument("number", type=int)
    command.add_argument("--seed", type=int, default=0, help="of the random inputs")
    command.set_defaults(act=run_reproduce)
    command = commands.add_parser("database", help="list, export or import a tuning database")
    command.add_argument("do", choices=("list", "export", "import"))
    command.add_argument("file", type=Path, metavar="DATABASE")
    command.add_argument("lines", type=Path, nargs="?", help="the JSON lines to import")
    command.set_defaults(act=run_database)
    command = commands.add_parser("fleet", help="look after a Ray cluster that measures")
    command.add_argument("do", choices=("doctor",), help="say whether the cluster can tune, and what is wrong")
    command.add_argument("--address", default="auto", help="of the cluster's head")
    command.add_argument("--kind", help="of machine that is wanted")
    command.set_defaults(act=run_fleet)


def run_tune(options: Any, programs: dict[str, Any]) -> int:
    """Tune what a file defines; 1 where no candidate works."""
    from ..codegen.target import as_target
    from ..tir.function import IRModule, PrimFunc
    from .live import LiveTable
    from .tune import tune

    found = {name: value for name, value in programs.items() if isinstance(value, (PrimFunc, IRModule))}
    if options.function is not None:
        if options.function not in found:
            raise UserError(
                f"{options.file} defines no program {options.function!r}; it defines {', '.join(found) or 'none'}"
            )
        found = {options.function: found[options.function]}
    if not found:
        raise UserError(f"{options.file} defines no program: no function decorated with @T.prim_func, no @I.ir_module")
    space = None
    if options.space is not None:
        space = programs.get(options.space)
        if not callable(space):
            raise UserError(f"{options.file} defines no function {options.space!r} that could describe a space")
    module = together(found)
    with ExitStack() as stack:
        runner = None
        if options.fleet is not None:
            from .fleet import FleetRunner

            if options.kind is None:
                raise UserError("--fleet needs --kind: the machines to measure on")
            runner = stack.enter_context(FleetRunner(options.kind, options.fleet))
        target = as_target(options.target or "llvm") if options.target or runner is None else runner.target()
        table = stack.enter_context(LiveTable())
        result = tune(
            module,
            target,
            trials=options.trials,
            seconds=options.seconds,
            database=options.database or options.file.with_suffix(".tuning.db"),
            seed=options.seed,
            space=space,
            strategy=options.strategy,
            cost_model=options.cost_model,
            task_scheduler=options.task_scheduler,
            runner=runner,
            watch=table,
        )
    print(result.report)
    if options.html is not None:
        print(f"report: {result.save_html(options.html)}")
    if options.output is not None:
        options.output.write_text(result.module.script())
        print(f"tuned module: {options.output}")
    if not result.ok:
        failed = ", ".join(name for task in result.tasks if not task.finalists for name in task.names)
        print(f"no candidate works for {failed}: {_reasons(result)}", file=sys.stderr)
        return 1
    return 0


def _reasons(result: TuningResult) -> str:
    return "; ".join(f"{f.status.value}: {f.detail}" for f in result.failures) or "none could be made in the time given"


def together(found: dict[str, Any]) -> IRModule:
    """Functions and modules as one module."""
    from ..tir.function import IRModule, PrimFunc, as_module

    functions: dict[str, PrimFunc] = {}
    for name, program in found.items():
        for inner, function in as_module(program).items():
            functions[inner if isinstance(program, IRModule) and len(found) == 1 else name] = function
            if isinstance(program, IRModule) and len(found) > 1:
                functions[f"{name}.{inner}"] = functions.pop(name)
    return IRModule(functions)


def run_reproduce(options: Any) -> int:
    """Do a measurement of a database again, as it was done; 1 where the candidate fails."""
    from ..schedule.schedule import Schedule
    from .database import Database
    from .keys import MAIN, target_of
    from .measure.runner import Job, LocalRunner

    with Database(options.file) as database, LocalRunner() as runner:
        record = database.record(options.number)
        mod = database.program(record.task.workload)
        sch = Schedule(mod, seed=0)
        record.schedule_trace().apply_to(sch)
        program = sch.mod.script()
        print(f"{sch.trace.as_python()}\n\n{program}\n")
        was = record.outcome
        print(f"measured before: {was.status.value} {was.detail or f'{was.ms:.4g} ms'}")
        runner.prepare(MAIN, mod.script(), target_of(record.task.target), options.seed)
        ((_, outcome),) = runner.measure(MAIN, [Job("again", program)], None)
        print(f"now: {outcome.status.value} {outcome.detail or f'{outcome.ms:.4g} ms'}")
        return int(outcome.failed)


def run_database(options: Any) -> int:
    """List, export or import."""
    from .database import Database

    if options.do != "import" and not options.file.is_file():
        raise UserError(f"there is no tuning database {options.file}")
    with Database(options.file) as database:
        if options.do == "export":
            for line in database.export():
                print(line)
        elif options.do == "import":
            if options.lines is None:
                raise UserError("import takes a file of JSON lines: tensorir database import DATABASE LINES")
            with open(options.lines) as file:
                print(f"{database.load(file)} new measurements")
        else:
            names = database.workloads()
            for task in dict.fromkeys(record.task for record in database.records()):
                best = database.top_k(task, 1)
                count = len(database.records(task))
                ms = f"{best[0].outcome.ms:.4g} ms" if best else "none works"
                print(f"{names.get(task.workload, '?')} {task.workload}: {count} candidates, best {ms}")
                print(f"    version {task.version}, {task.target}")
    return 0


def run_fleet(options: Any) -> int:
    """Examine a cluster; 1 where something is wrong."""
    from .fleet.doctor import doctor

    findings = doctor(options.address, options.kind)
    for finding in findings:
        print(finding)
    return int(any(finding.problems for finding in findings))
