"""hypothesis strategies for programs, shared by all tests."""

from typing import Any

from hypothesis import strategies as st
from tensorir.tir.function import IRModule, PrimFunc

from .choices import Choices
from .random_ir import RandomIR, random_function, random_module
from .random_programs import Shape, arrays_for, random_program

__all__ = ["Shape", "arrays_for", "expressions", "functions", "modules", "programs"]


@st.composite
def programs(draw: Any, shape: Shape | None = None) -> PrimFunc:
    """Block programs that are well formed and safe to run; `arrays_for` gives them arrays. See `Shape` for limits."""
    return random_program(Choices.drawn(draw), shape)


@st.composite
def functions(draw: Any) -> PrimFunc:
    """Well-formed functions of all node kinds, not to be run."""
    return random_function(Choices.drawn(draw))


@st.composite
def modules(draw: Any) -> IRModule:
    """Well-formed modules of all node kinds, not to be run."""
    return random_module(Choices.drawn(draw))


@st.composite
def expressions(draw: Any, type_: Any = "int32", variables: tuple[Any, ...] = (), depth: int = 3) -> Any:
    """Expressions of a type over the given variables, of all node kinds."""
    from tensorir.tir.dtype import dtype

    source = RandomIR(Choices.drawn(draw))
    source.vars = list(variables)
    return source.expr(dtype(type_), depth)
