"""The primitives as methods of a schedule. Written by `python -m tensorir.schedule.reference`."""

from collections.abc import Callable, Sequence
from typing import Any

from ..tir.arith.index_map import IndexMap
from ..tir.buffer import Buffer
from ..tir.expr import Expr, Var
from ..tir.tensor_intrin import TensorIntrin
from .trace import BlockRV, LoopRV

class PrimitiveMethods:
    def add_unit_loop(self, block_or_loop: BlockRV | str | LoopRV) -> LoopRV:
        """Put a loop of extent 1 around a block or loop."""

    def annotate(self, block_or_loop: BlockRV | str | LoopRV, ann_key: str, ann_val: Any) -> None:
        """Attach `ann_val` to a block or loop under the name `ann_key`."""

    def annotate_buffer_access(
        self,
        block: BlockRV | str,
        buffer_index: int | str | Buffer,
        buf_type: str,
        gen_new_ranges: Callable[..., Any],
    ) -> None:
        """Declare by hand what `block` reads or writes of a buffer, on the caller's word."""

    def bind(self, loop: LoopRV, thread_axis: str) -> None:
        """Give each iteration of `loop` to one of the GPU's blocks or threads along `thread_axis`."""

    def blockize(
        self,
        target: BlockRV | str | LoopRV | Sequence[BlockRV | str],
        preserve_unit_iters: bool = True,
    ) -> BlockRV:
        """Make a block of all that lies below a loop, or of blocks that stand side by side; gives the new block."""

    def cache_index(self, block: BlockRV | str, storage_scope: str, cse_thresh: int = 0) -> list[BlockRV]:
        """Compute what `block` computes of its iterators alone, its indices above all, into buffers of their own before it."""

    def cache_inplace(
        self,
        block: BlockRV | str,
        read_buffer_index: int | str | Buffer,
        storage_scope: str,
    ) -> list[BlockRV]:
        """Copy a buffer that `block` reads and writes into one in `storage_scope` before it, and back after it."""

    def cache_read(
        self,
        block: BlockRV | str,
        read_buffer_index: int | str | Buffer,
        storage_scope: str,
        consumer_blocks: Sequence[BlockRV | str] | None = None,
    ) -> BlockRV:
        """Copy a buffer that `block` reads into one in `storage_scope`, from which its consumers read; gives the copy."""

    def cache_write(
        self,
        block: BlockRV | str,
        write_buffer_index: int | str | Buffer,
        storage_scope: str,
        consumer_blocks: Sequence[BlockRV | str] | None = None,
    ) -> BlockRV:
        """Let `block` write into a new buffer in `storage_scope`, which is copied to the old one later; gives the copy."""

    def can_decompose_padding(self, block: BlockRV | str, loop: LoopRV) -> bool:
        """Whether `decompose_padding` applies to the block and the loop."""

    def compute_at(
        self,
        block: BlockRV | str,
        loop: LoopRV,
        preserve_unit_loops: bool = False,
        index: int = -1,
    ) -> None:
        """Move a producer under `loop`, to compute in each iteration what its consumers there need."""

    def compute_inline(self, block: BlockRV | str) -> None:
        """Compute the value of `block` in each of its consumers, at every use, and drop the block and its buffer."""

    def decompose_padding(self, block: BlockRV | str, loop: LoopRV) -> BlockRV:
        """Fill a padded buffer with its padding in a block of its own, before `loop`, and then store what is inside only."""

    def decompose_reduction(self, block: BlockRV | str, loop: LoopRV) -> BlockRV:
        """Move the init of a reduction block into a block of its own, run before `loop`; gives the new block."""

    def enter_postproc(self) -> None:
        """Mark where the decisions of a design space end and the finishing of the program begins."""

    def fuse(self, *loops: LoopRV, preserve_unit_iters: bool = True) -> LoopRV:
        """Fuse loops, each the whole body of the one before, into one that runs over all their iterations in order."""

    def fuse_reduction_epilogue(self, reduction_block: BlockRV | str, epilogue_block: BlockRV | str) -> None:
        """Let a reduction compute what a later block makes of each of its results, and drop that block."""

    def get_block(self, name: str, func_name: str | None = None) -> BlockRV:
        """Give the block called `name`, in `func_name` or the function worked on."""

    def get_child_blocks(self, block_or_loop: BlockRV | str | LoopRV) -> list[BlockRV]:
        """Give the blocks below a block or loop that no other block lies between, in program order."""

    def get_consumers(self, block: BlockRV | str) -> list[BlockRV]:
        """Give the blocks of the same scope, after `block`, that read or write what it writes."""

    def get_loops(self, block: BlockRV | str) -> list[LoopRV]:
        """Give the loops around `block` up to the block that holds it, outermost first."""

    def get_output_blocks(self, scope_block: BlockRV | str) -> list[BlockRV]:
        """Give the blocks below `scope_block` that write a buffer it does not allocate: the function's results."""

    def get_producers(self, block: BlockRV | str) -> list[BlockRV]:
        """Give the blocks of the same scope, before `block`, that write what it reads or writes."""

    def loop_partition(
        self,
        loop: LoopRV,
        factors: Sequence[Expr | int | None],
        preserve_unit_iters: bool = True,
    ) -> list[LoopRV]:
        """Divide the range of `loop` into consecutive parts, each a loop of its own; gives these."""

    def merge(self, *loops: LoopRV) -> LoopRV:
        """Merge loops that stand side by side, each with as many iterations, into one that runs their bodies in turn."""

    def pad_einsum(self, block: BlockRV | str, padding: Sequence[int]) -> None:
        """Round the extent of each iterator of `block` up to a multiple, computing on copies that are filled with zeros."""

    def parallel(self, loop: LoopRV) -> None:
        """Run the iterations of `loop` on the threads of the pool; none may touch what another writes."""

    def read_at(
        self,
        loop: LoopRV,
        block: BlockRV | str,
        read_buffer_index: int | str | Buffer,
        storage_scope: str,
    ) -> BlockRV:
        """Copy what each iteration of `loop` reads of a buffer into one in `storage_scope`, by one block; gives the block."""

    def reindex(self, block: BlockRV | str, buffer: tuple[str, int] | str | Buffer) -> BlockRV:
        """Copy a buffer that `block` accesses at one place into one indexed by the block's iterators; gives the copy."""

    def reindex_cache_read(
        self,
        block: BlockRV | str,
        read_buffer_index: int | str | Buffer,
        storage_scope: str,
        index_map: IndexMap | Callable[..., Any],
    ) -> BlockRV:
        """Copy a buffer that `block` reads at one place into one in `storage_scope`, indexed as `index_map` says."""

    def reindex_cache_write(
        self,
        block: BlockRV | str,
        write_buffer_index: int | str | Buffer,
        storage_scope: str,
        index_map: IndexMap | Callable[..., Any],
    ) -> BlockRV:
        """Let `block` write into a new buffer in `storage_scope`, indexed as `index_map` says, which is copied later."""

    def reorder(self, *ordered_loops: LoopRV) -> None:
        """Put loops of one nest into the order given, outermost first; loops of the nest that are not named stay in place."""

    def reorder_block_iter_var(self, block: BlockRV | str, new_order: Sequence[int]) -> None:
        """Put the iterators of a block into another order; what it computes, and when, stays the same."""

    def reverse_compute_at(
        self,
        block: BlockRV | str,
        loop: LoopRV,
        preserve_unit_loops: bool = False,
        index: int = -1,
    ) -> None:
        """Move a consumer under `loop`, to compute in each iteration what can be made of what its producers wrote there."""

    def reverse_compute_inline(self, block: BlockRV | str) -> None:
        """Compute what `block` makes of its producer's value where the producer stores it, and drop `block`."""

    def rfactor(self, loop: LoopRV, factor_axis: int) -> BlockRV:
        """Reduce each iteration of `loop` into an element of its own, and add these up in a second step."""

    def rolling_buffer(self, block: BlockRV | str, write_buffer_index: int | str | Buffer) -> None:
        """Keep of a buffer that `block` writes only the window its consumers need, and compute each element once."""

    def sample_categorical(
        self,
        candidates: Sequence[int],
        probs: Sequence[float],
        decision: int | None = None,
    ) -> Var:
        """Draw one of `candidates`, each with its probability."""

    def sample_compute_location(self, block: BlockRV | str, decision: int | None = None) -> LoopRV:
        """Draw where `block` is computed: a loop around all its consumers, inside of them, or where it is."""

    def sample_partitioned_tile(
        self,
        loop: LoopRV,
        n: int,
        partition_pos: int = 0,
        innerpart_factor: int = 1,
        decision: Sequence[int] | None = None,
    ) -> list[Var]:
        """Draw `n` factors whose product is the extent of `loop`, the inner ones together a multiple of a given number."""

    def sample_perfect_tile(
        self,
        loop: LoopRV,
        n: int,
        max_innermost_factor: int = 16,
        decision: Sequence[int] | None = None,
    ) -> list[Var]:
        """Draw `n` factors whose product is the extent of `loop`, for `split`. All such tiles are equally likely."""

    def set_scope(self, block: BlockRV | str, buffer_index: int | str | Buffer, storage_scope: str) -> None:
        """Store an intermediate buffer that `block` writes in another memory."""

    def split(
        self,
        loop: LoopRV,
        factors: Sequence[Expr | int | None],
        preserve_unit_iters: bool = True,
        disable_predication: bool = False,
    ) -> list[LoopRV]:
        """Divide `loop` into nested loops with the extents `factors`, outermost first."""

    def storage_align(
        self,
        block: BlockRV | str,
        buffer_index: int | str | Buffer,
        axis: int,
        factor: int,
        offset: int,
    ) -> None:
        """Let the stride of a buffer's axis be a multiple of `factor` plus `offset`, to keep accesses off one memory bank."""

    def tensorize(
        self,
        block_or_loop: BlockRV | str | LoopRV,
        tensor_intrin: str | TensorIntrin,
        preserve_unit_iters: bool = True,
    ) -> None:
        """Let an intrinsic compute what a block, or all below a loop, computes."""

    def transform_block_layout(self, block: BlockRV | str, index_map: IndexMap | Callable[..., Any]) -> None:
        """Give `block` new iterators, `index_map` of the old ones, and a loop for each; what it computes stays the same."""

    def transform_layout(
        self,
        block: BlockRV | str,
        buffer: tuple[str, int] | str | Buffer,
        index_map: IndexMap | Callable[..., Any],
        pad_value: IndexMap | Callable[..., Any] | None = None,
        assume_injective_transform: bool = False,
    ) -> None:
        """Arrange the elements of a buffer as `index_map` says: what was at `i, j` is at `index_map(i, j)`."""

    def unannotate(self, block_or_loop: BlockRV | str | LoopRV, ann_key: str) -> None:
        """Remove the annotation `ann_key` from a block or loop."""

    def unroll(self, loop: LoopRV) -> None:
        """Write the iterations of `loop` out one after the other."""

    def unsafe_hide_buffer_access(self, block: BlockRV | str, buf_type: str, buf_index_array: Sequence[int]) -> None:
        """Let `block` no longer declare that it reads or writes some buffers."""

    def unsafe_set_dtype(self, block: BlockRV | str, buffer_index: int | str | Buffer, dtype: str) -> None:
        """Store an intermediate buffer in another data type: values are converted where they are stored and loaded."""

    def vectorize(self, loop: LoopRV) -> None:
        """Run the iterations of `loop` as the lanes of vector instructions; none may touch what another writes."""

    def write_at(
        self,
        loop: LoopRV,
        block: BlockRV | str,
        write_buffer_index: int | str | Buffer,
        storage_scope: str,
    ) -> BlockRV:
        """Let each iteration of `loop` write to a buffer in `storage_scope`; gives the block that copies it at the end."""
