"""Sums along rows by many threads: what the kernels of this folder that read memory once have in common."""

from tensorir import Schedule


def reduce_by_threads(sch: Schedule, name: str, threads: int, unrolled: int = 1) -> None:
    """Let `threads` threads of a warp or block sum the rows of the block `name`, reading its inputs as float4s.

    Each thread adds up every `threads`-th float4, lane by lane (`rfactor`); then its lanes, and then the threads' sums,
    by shuffles, and by shared memory between warps. A row is a multiple of 4 * `threads` * `unrolled` elements.

    Parameters
    ----------
    unrolled: float4s of each input that are on their way at once.
    """
    block = sch.get_block(name)
    column = sch.get_loops(block)[-1]
    steps, ahead, lanes = sch.split(column, [None, unrolled, 4 * threads])
    partial = sch.rfactor(lanes, 0)
    sch.set_scope(partial, 0, "shared")
    row, across = sch.get_loops(block)[-2:]
    thread, _ = sch.split(across, [threads, 4])
    sch.bind(thread, "threadIdx.x")
    sch.compute_at(partial, row, preserve_unit_loops=True)
    lanes, _, steps, ahead = sch.get_loops(partial)[-4:]
    thread, lanes = sch.split(lanes, [threads, 4])
    sch.reorder(thread, steps, ahead, lanes)
    sch.bind(thread, "threadIdx.x")
    sch.unroll(ahead)
    sch.vectorize(lanes)
