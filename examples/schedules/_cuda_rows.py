"""Sums along rows by many threads: what the kernels of this folder that read memory once have in common."""

from tensorir import Schedule


def reduce_by_threads(sch: Schedule, name: str, threads: int, inputs: int, unrolled: int = 1) -> None:
    """Let `threads` threads of a warp or block sum the rows of the block `name`, reading its inputs as float4s.

    Each thread adds up every `threads`-th float4 in a register of its own (`rfactor`); then the threads' sums are added
    by shuffles, and by shared memory between warps. The row must be a multiple of 4 * `threads` elements.

    Parameters
    ----------
    inputs: the number of buffers that the block reads. unrolled: float4s of each that are on their way at once.
    """
    block = sch.get_block(name)
    row, column = sch.get_loops(block)[-2:]
    steps, ahead, thread, lanes = sch.split(column, [None, unrolled, threads, 4])
    partial = sch.rfactor(thread, 0)
    sch.set_scope(partial, 0, "shared")
    thread, row, steps, ahead, lanes = sch.get_loops(partial)[-5:]
    sch.reorder(row, thread, steps, ahead, lanes)
    for operand in range(inputs):
        registers = sch.cache_read(partial, operand, "local")
        sch.compute_at(registers, ahead)
        sch.vectorize(sch.get_loops(registers)[-1])
    sch.unroll(ahead)
    sch.unroll(lanes)
    row, across = sch.get_loops(block)[-2:]
    sch.compute_at(partial, row)
    sch.bind(across, "threadIdx.x")
    thread = sch.get_loops(partial)[-4]
    sch.bind(thread, "threadIdx.x")
