"""What must hold of every schedule: references, numbers, text and trace."""

from tensorir import Schedule, assert_structural_equal, parse
from tensorir.schedule.trace import Trace


def checked(sch: Schedule, *, threads: bool = False) -> Schedule:
    """The schedule, after it passed all checks; `threads` for programs that a CPU backend cannot run."""
    sch.state.check()
    assert_structural_equal(parse(sch.mod.script()), sch.mod)
    sch.verify(backend="interpreter", sanitize=True)
    if not threads:
        sch.verify(backend="llvm")
    from_json = Schedule(sch.original, seed=1)
    Trace.from_json(sch.trace.dumps()).apply_to(from_json)
    assert_structural_equal(from_json.mod, sch.mod)
    from_python = Schedule(sch.original, seed=2)
    scope: dict = {"tensorir": __import__("tensorir")}
    exec(sch.trace.as_python(), scope)
    scope["apply_trace"](from_python)
    assert_structural_equal(from_python.mod, sch.mod)
    return sch


def becomes(sch: Schedule, text: str) -> None:
    """Check that the scheduled function is this program."""
    assert_structural_equal(checked(sch).func, parse(text))
