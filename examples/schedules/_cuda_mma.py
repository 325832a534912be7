"""What the products by mma.sync share: how warps divide C, how operands reach them, and the pipeline of both.

A warp holds its part of C in registers, as tiles of 16 by 16. For a step of the pipeline a block of threads copies
parts of both operands to shared memory, by cp.async and permuted against conflicts of banks; ldmatrix loads them from
there.
"""

from typing import NamedTuple

from tensorir import Schedule
from tensorir.schedule.trace import BlockRV, LoopRV


class Product(NamedTuple):
    """A product that is divided among warps: its block, and the loops that later steps refer to.

    Attributes
    ----------
    warps: how many warps a block of threads has, along rows and columns. warp: the inner loop over them.
    step: the loop over the steps of the pipeline. tile: the loop over a step's tiles along the reduction.
    inside: the outermost loop in a tile.
    """

    block: BlockRV
    warps: tuple[int, int]
    warp: LoopRV
    step: LoopRV
    tile: LoopRV
    inside: LoopRV


def divide(
    sch: Schedule, block: BlockRV, size: tuple[int, int, int], warp: tuple[int, int], depth: int, axes: str = "yx"
) -> Product:
    """Divide a product among blocks of threads, `size` rows, columns and depth of a step, and their warps.

    Parameters
    ----------
    warp: rows and columns of C that a warp has. depth: of a tile along the reduction. axes: of the grid, for rows and
        for columns.
    """
    warps = size[0] // warp[0], size[1] // warp[1]
    i, j, p = sch.get_loops(block)
    block_i, warp_i, tile_i, in_i = sch.split(i, [None, warps[0], warp[0] // 16, 16])
    block_j, warp_j, tile_j, in_j = sch.split(j, [None, warps[1], warp[1] // 16, 16])
    step, tile_p, in_p = sch.split(p, [None, size[2] // depth, depth])
    sch.reorder(block_i, block_j, warp_i, warp_j, step, tile_p, tile_i, tile_j, in_i, in_j, in_p)
    sch.bind(block_i, f"blockIdx.{axes[0]}")
    sch.bind(block_j, f"blockIdx.{axes[1]}")
    sch.bind(warp_i, "threadIdx.z")
    sch.bind(warp_j, "threadIdx.y")
    return Product(block, warps, warp_j, step, tile_p, in_i)


def fetch(sch: Schedule, product: Product, shared: BlockRV, fused: LoopRV, elements: int) -> None:
    """Let all threads copy what `shared` copies in the loop `fused`, each `elements` at a time, 16 bytes."""
    _, *threads, vector = sch.split(fused, [None, *product.warps, 32, elements])
    for loop, axis in zip(threads, "zyx"):
        sch.bind(loop, f"threadIdx.{axis}")
    sch.vectorize(vector)
    sch.annotate(shared, "permuted_layout", True)


def tiled(sch: Schedule, block: BlockRV, intrinsic: str, columns: int = 16) -> None:
    """Let `intrinsic` do what the block does, 16 by `columns` elements at a time."""
    i, j = sch.get_loops(block)[-2:]
    tile_i, in_i = sch.split(i, [None, 16])
    tile_j, in_j = sch.split(j, [None, columns])
    sch.reorder(tile_i, tile_j, in_i, in_j)
    sch.tensorize(in_i, intrinsic)


def finish(
    sch: Schedule, product: Product, result: BlockRV, stages: int, *, store: str, fill: str, multiply: str
) -> None:
    """Copy `stages` - 1 steps ahead, multiply by the intrinsic `multiply`, store what `result` does by `store`."""
    for name, value in (("stage", [0, 0, stages - 1]), ("order", [0, 1, 2]), ("async_stages", [0])):
        sch.annotate(product.step, f"software_pipeline_{name}", value)
    sch.unroll(product.tile)
    sch.reverse_compute_at(result, product.warp)
    tiled(sch, result, store)
    init = sch.decompose_reduction(product.block, product.step)
    sch.tensorize(sch.get_loops(init)[-2], fill)
    sch.tensorize(product.inside, multiply)
