"""`generate`: from a lowered module to CUDA C++ text, its kernels, and the host functions that launch them."""

from __future__ import annotations

from ...tir.buffer import Buffer
from ...tir.expr import Expr, IntImm, Var, const
from ...tir.function import IRModule, PrimFunc
from ...tir.stmt import For, Stmt
from ...tir.visit import walk_unique
from ..c.blocks import blocks_of
from ..c.helpers import needed
from ..c.names import Names
from ..c.writer import Code, Shared, Writer
from ..passes.kernels import AXES, is_bound
from ..passes.legalize_narrow_floats import missing
from ..passes.split_host_device import KERNEL, split_host_device
from ..signatures import written_pointers
from ..target import Target
from . import fragments
from .instructions import capability, require_instructions
from .limits import require_bound, require_fits
from .names import RESERVED
from .prelude import table
from .source import CudaSource, Kernel, KernelParam
from .stmt import ALIGNMENT, Stmts
from .types import HEADERS, scalar

WIDTH = 120
"""Columns after which a kernel's parameters are broken into lines."""


def generate(module: IRModule, target: Target, program: IRModule | None = None) -> CudaSource:
    """The CUDA text of the lowered functions of `module`.

    Parameters
    ----------
    program: what was lowered, for comments that name its blocks.

    Raises
    ------
    LowerError: a function holds something that a GPU, or its host, has no code for.
    """
    require_bound(program or module)
    require_instructions(program or module, target)
    split = split_host_device(module, target)
    named = {name: blocks_of(f) for name, f in (program or module).items()}
    kernels: dict[str, Kernel] = {}
    texts, types, structs = [], set[str](), dict[str, str]()
    for name, func in split.items():
        if not func.attrs.get(KERNEL):
            continue
        blocks = next((b for owner, b in named.items() if name.startswith(f"{owner}_kernel")), {})
        text, kernel, emitter = _kernel(name, func, target, blocks)
        require_fits(kernel, func, target)
        kernels[name] = kernel
        texts.append(text)
        types |= emitter.exprs.types
        structs |= emitter.exprs.structs
    code = "\n".join(texts)
    headers = dict.fromkeys(HEADERS[t] for t in HEADERS if t in types)
    headers.update(dict.fromkeys(fragments.headers(code)))
    parts = [
        expanded(program or module, target),
        "".join(f"#include <{header}>\n" for header in headers),
        "".join(f"\n{text}" for text in structs.values()),
        needed(code, table()),
        code,
    ]
    host = IRModule({n: f for n, f in split.items() if not f.attrs.get(KERNEL)}, module.attrs)
    return CudaSource("\n".join(part.strip("\n") + "\n" for part in parts if part), kernels, host)


def expanded(module: IRModule, target: Target) -> str:
    """A comment on each type of the program that the target has no instructions for."""
    lines = []
    for name in sorted(missing(target)):
        nodes = (n for f in module.functions.values() for n in (*f.buffers, *walk_unique(f.body)))
        if any(isinstance(n, (Buffer, Expr)) and n.dtype.element == name for n in nodes):
            lines.append(
                f"// {name} is kept as its bits and computed in float: {target.arch} has no instructions for it.\n"
            )
    return "".join(lines)


def _kernel(name: str, func: PrimFunc, target: Target, blocks: dict[str, list[str]]) -> tuple[str, Kernel, Stmts]:
    taken = frozenset({*RESERVED, *table(), name})
    w = Writer(Shared(), Names(taken))
    emitter = Stmts(w, func, blocks, arch=capability(target))
    exprs = emitter.exprs
    written = written_pointers(func)
    for var in func.params:
        buffer = func.buffer_map.get(var)
        exprs.vars[var] = Code(w.names.fresh(buffer.name if buffer is not None else var.name))
        if buffer is not None:
            exprs.vars[buffer.data] = exprs.vars[var]
            exprs.memory.kinds[buffer.data] = buffer.dtype
            if buffer.data not in written:
                exprs.memory.read_only.add(buffer.data)
    body, axes = func.body, dict[str, For]()
    views: list[Stmt] = []
    while not isinstance(body, For) and len(body.children()) and hasattr(body, "body"):
        views.append(body)
        body = body.body
    while isinstance(body, For) and is_bound(body):
        assert body.thread_binding is not None
        axes[body.thread_binding] = body
        exprs.vars[body.loop_var] = Code(w.names.fresh(body.loop_var.name))
        exprs.analyzer.bind(body.loop_var, body.range, allow_override=True)
        body = body.body
    for view in reversed(views):
        body = view.replace(body=body)
    emitter(body)
    emitter.align_locals()
    block, grid = (tuple(_extent(axes, f"{prefix}.{d}") for d in "xyz") for prefix in ("threadIdx", "blockIdx"))
    threads = _product(block)
    params = _params(func, emitter, written)
    kernel = Kernel(name, params, func.params, grid, block, _bytes(emitter.dynamic), emitter.static_bytes, threads)  # type: ignore[arg-type]
    lines = []
    for axis, loop in axes.items():
        if loop.loop_var in exprs.used:
            kind = scalar(loop.loop_var.dtype)
            lines.append(f"    const {kind} {exprs.vars[loop.loop_var]} = {axis};")
    for declaration, _, data in emitter.shared:
        align = max(ALIGNMENT, exprs.memory.aligned.get(data, 1))
        lines.append(f"    {declaration.format(align=align)}")
    lines += w.lines
    text = "\n".join(_two_spaces(line) for line in lines)
    return f"{_head(kernel, axes)} {{\n{text}\n}}\n", kernel, emitter


def _params(func: PrimFunc, emitter: Stmts, written: set[Var]) -> tuple[KernelParam, ...]:
    exprs = emitter.exprs
    out = []
    for index, var in enumerate(func.params):
        buffer = func.buffer_map.get(var)
        if buffer is not None:
            align = max(exprs.memory.aligned.get(buffer.data, 1), buffer.dtype.bytes)
            exprs.types.add(str(buffer.dtype.element))
            out.append(KernelParam(exprs.vars[var], buffer.dtype.element, True, buffer.data in written, index, align))
        elif var in exprs.used:
            out.append(KernelParam(exprs.vars[var], var.dtype, False, False, index, 1))
    places = {func.buffer_map[var].data: k for k, var in enumerate(func.params) if var in func.buffer_map}
    for (data, known), name in exprs.maps.items():
        out.append(KernelParam(name, exprs.memory.kinds[data].element, False, False, places[data], 16, known))
    return tuple(out)


def _head(kernel: Kernel, axes: dict[str, For]) -> str:
    least = next((n.annotations["min_blocks_per_sm"] for n in axes.values() if "min_blocks_per_sm" in n.annotations), 0)
    bounds = f"{kernel.threads}{f', {least}' if least else ''}"
    parts = [
        f"{'' if p.written else 'const '}{scalar(p.dtype)}* __restrict__ {p.name}"
        if p.pointer
        else f"{scalar(p.dtype)} {p.name}"
        if p.map is None
        else f"const __grid_constant__ tir::tensor_map {p.name}"
        for p in kernel.params
    ]
    start = f'extern "C" __global__ void{f" __launch_bounds__({bounds})" if kernel.threads else ""} {kernel.name}('
    line = f"{start}{', '.join(parts)})"
    if len(line) > WIDTH:
        line = f"{start}\n    " + ",\n    ".join(parts) + ")"
    shape = [f"{x}: {axes[x].extent}" for x in AXES if x in axes]
    return f"// {', '.join(shape)}\n{line}"


def _two_spaces(line: str) -> str:
    body = line.lstrip(" ")
    return "  " * ((len(line) - len(body)) // 4) + body


def _extent(axes: dict[str, For], axis: str) -> Expr:
    return axes[axis].extent if axis in axes else const(1)


def _product(extents: tuple[Expr, ...]) -> int:
    out = 1
    for e in extents:
        out *= e.value if isinstance(e, IntImm) else 0
    return out


def _bytes(buffer: Buffer | None) -> Expr:
    if buffer is None:
        return const(0)
    size: Expr = const(buffer.dtype.bytes * buffer.dtype.lanes)
    for extent in buffer.shape:
        size = size * extent
    return size
