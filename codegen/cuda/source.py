"""What CUDA text consists of: its kernels, what they take, and the host functions that launch them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...tir.dtype import DType
from ...tir.expr import Expr, Var
from ...tir.function import IRModule


@dataclass(frozen=True)
class TensorMap:
    """A matrix that the copy engine copies boxes of: extents of the matrix and of a box, in elements.

    Boxes have rows of 128 bytes, which land in shared memory permuted in groups of eight.
    """

    rows: int
    columns: int
    box_rows: int
    box_columns: int


@dataclass(frozen=True)
class KernelParam:
    """A parameter of a kernel.

    Attributes
    ----------
    name: as the text calls it. dtype: the type of what it is, or of the elements a pointer points to.
    pointer: whether it is a pointer. written: whether the kernel may write through it.
    index: its place among the arguments of the call in the host function.
    align: bytes that a pointer must be a multiple of, for the kernel's vector accesses; 1 for numbers.
    map: what is known of the matrix where the parameter is a description of one for the copy engine; the argument is
        its pointer.
    """

    name: str
    dtype: DType
    pointer: bool
    written: bool
    index: int
    align: int
    map: TensorMap | None = None


@dataclass(frozen=True)
class Kernel:
    """A kernel, `extern "C" __global__ void name(params...)`.

    Attributes
    ----------
    vars: the variable of each argument of the call in the host function, in terms of which the extents are written.
    grid: blocks along x, y, z. block: threads of a block along x, y, z.
    shared_bytes: the dynamic shared memory a block needs, in bytes. static_shared_bytes: the static one.
    threads: threads of a block where that is a constant, else 0.
    """

    name: str
    params: tuple[KernelParam, ...]
    vars: tuple[Var, ...]
    grid: tuple[Expr, Expr, Expr]
    block: tuple[Expr, Expr, Expr]
    shared_bytes: Expr
    static_shared_bytes: int
    threads: int


@dataclass(frozen=True)
class CudaSource:
    """CUDA text and what belongs to it.

    Attributes
    ----------
    text: the file, self-contained but for CUDA's own headers.
    kernels: by name, in order.
    host: the host functions, whose bodies hold nothing but allocations, loops, conditions, and calls of kernels.
    """

    text: str
    kernels: Mapping[str, Kernel]
    host: IRModule
