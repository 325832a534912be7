"""What a task's candidates are run on: random inputs, poisoned outputs, and the results they must give."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...schedule.verify import Case
from ...tir.buffer import Buffer, BufferLoad
from ...tir.expr import IntImm
from ...tir.function import PrimFunc
from ...tir.stmt import Block, BufferStore
from ...tir.visit import walk

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

POISON = 0xA5
"""The byte that fills integer outputs before a run; floating-point ones are filled with NaN."""

TOLERANCE = 1e-3
"""Greatest difference of float32 results, relative to the buffer's greatest magnitude: sums are made in any order."""


def outputs(function: PrimFunc) -> tuple[int, ...]:
    """The numbers of the parameters that the function stores to."""
    stored = {node.buffer for node in walk(function.body) if isinstance(node, BufferStore)}
    return _numbers(function, stored | _opaque(function))


def inputs(function: PrimFunc) -> tuple[int, ...]:
    """The numbers of the parameters whose contents matter before a run.

    An output does not matter if it is only read by reductions that initialise it, or after a block that writes it.
    """
    needed: set[Buffer] = set()
    written: set[Buffer] = set()
    bare = {node.buffer for node in walk(function.body) if isinstance(node, BufferLoad)}
    for block in (node for node in walk(function.body) if isinstance(node, Block) and node.iter_vars):
        initialised = (
            {node.buffer for node in walk(block.init) if isinstance(node, BufferStore)} if block.init else set()
        )
        read = {node.buffer for node in walk(block) if isinstance(node, BufferLoad)}
        needed |= read - written - initialised
        written |= {node.buffer for node in walk(block) if isinstance(node, BufferStore)}
        bare -= read
    return _numbers(function, needed | bare | _opaque(function))


def _opaque(function: PrimFunc) -> set[Buffer]:
    """Parameters of which no load or store tells how they are used: they are passed on as pointers."""
    told = {node.buffer for node in walk(function.body) if isinstance(node, (BufferLoad, BufferStore))}
    return set(function.buffers) - told


def _numbers(function: PrimFunc, buffers: set[Buffer]) -> tuple[int, ...]:
    return tuple(n for n, p in enumerate(function.params) if function.buffer_map.get(p) in buffers)


def symbolic(function: PrimFunc) -> list[str]:
    """The extents of parameters that are not constant."""
    return [
        str(e) for b in function.buffers for e in b.layout() if not isinstance(e, IntImm) and e is not b.elem_offset
    ]


class Prepared:
    """Inputs drawn once for a task, and the expected outputs in memory that forked processes share.

    Parameters
    ----------
    function: the unscheduled program.
    seed: of the inputs.
    """

    def __init__(self, function: PrimFunc, seed: int) -> None:
        self.function = function
        self.case = Case(function, seed, {})
        self.written = outputs(function)
        self.read = frozenset(inputs(function))
        self.expected: dict[int, Array] = {n: _shared(self.case.made[n]) for n in self.written}

    def arguments(self) -> list[Any]:
        """Arguments for a run: inputs shared, outputs fresh, and poisoned where the program does not read them."""
        made = list(self.case.made)
        for n in self.written:
            made[n] = _like(made[n])
            if n in self.read:
                made[n][...] = self.case.made[n]
            else:
                poison(made[n])
        return made

    def store_expected(self, arguments: Sequence[Any]) -> None:
        """Keep what the reference wrote."""
        for n, kept in self.expected.items():
            kept[...] = arguments[n]

    def difference(self, arguments: Sequence[Any]) -> str | None:
        """What differs from the expected results, in words; None if nothing does."""
        import numpy as np

        if all(np.array_equal(kept, arguments[n]) for n, kept in self.expected.items()):
            return None
        expected = [self.expected.get(n, value) for n, value in enumerate(arguments)]
        return self.case.difference(expected, arguments, TOLERANCE)


def poison(array: Array) -> None:
    """Fill an output with what no right program leaves there."""
    import numpy as np

    if array.dtype.kind in "iu":
        array[...] = np.frombuffer(bytes([POISON]) * array.itemsize, array.dtype)[0]
    elif array.dtype.kind == "b":
        array[...] = True
    else:
        array[...] = float("nan")


def _like(array: Array) -> Array:
    """Uninitialised memory in the layout of `array`."""
    import numpy as np

    from ...codegen.runtime.arrays import empty

    if array.flags.c_contiguous:
        return empty(array.shape, array.dtype)
    length = 1 + sum((n - 1) * abs(k) // array.itemsize for n, k in zip(array.shape, array.strides, strict=True))
    return np.lib.stride_tricks.as_strided(empty((length,), array.dtype), array.shape, array.strides)


def _shared(array: Array) -> Array:
    """Memory for a compact copy of `array` that is shared with processes forked from now on."""
    import numpy as np

    memory = mmap.mmap(-1, max(array.size * array.itemsize, 1))
    return np.ndarray(array.shape, array.dtype, memory)
