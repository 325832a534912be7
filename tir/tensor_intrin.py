"""Tensor intrinsics: pairs of functions that say what an instruction computes, and how it is written."""

from __future__ import annotations

import difflib
from typing import ClassVar

from .errors import UserError
from .function import PrimFunc
from .provided import SOURCES
from .render import parse
from .stmt import Block, BlockRealize


class TensorIntrin:
    """An instruction (or library call) that computes what a small block program computes.

    Attributes
    ----------
    desc: what it computes, as loops over blocks inside of one block that declares what is read and written.
    impl: how it is written: a function of the same parameters, its body one block.
    name: under which it is registered; "" for one that is not.
    """

    registry: ClassVar[dict[str, TensorIntrin]] = {}

    def __init__(self, desc: PrimFunc, impl: PrimFunc, name: str = "") -> None:
        """
        Raises
        ------
        UserError: they are no functions, or the functions have different parameters, or bodies that are not one block.
        """
        for given in (desc, impl):
            if not isinstance(given, PrimFunc):
                raise UserError(f"an intrinsic is made of two functions (@T.prim_func), got {type(given).__name__}")
        self.desc, self.impl, self.name = desc, impl, name
        theirs, ours = ([b.shape for b in f.buffers] for f in (desc, impl))
        if len(desc.params) != len(impl.params) or len(theirs) != len(desc.params) or len(ours) != len(impl.params):
            raise UserError(
                "the description and the implementation of an intrinsic take the same buffers and no more; these take "
                f"{len(theirs)} buffers of {len(desc.params)} parameters, and {len(ours)} of {len(impl.params)}"
            )
        for a, b in zip(desc.buffers, impl.buffers, strict=True):
            if a.dtype != b.dtype or a.shape != b.shape:
                raise UserError(
                    f"buffer `{a.name}` of the description and `{b.name}` of the implementation differ: {a.dtype} "
                    f"({', '.join(map(str, a.shape))}) and {b.dtype} ({', '.join(map(str, b.shape))})"
                )
        for what, function in (("description", desc), ("implementation", impl)):
            block = body_block(function)
            if block is None or not (block.reads or block.writes):
                raise UserError(
                    f"the {what} of an intrinsic is one block that declares what it reads and writes, as in "
                    "`with T.block('root'): T.reads(...); T.writes(...)`"
                )

    @staticmethod
    def register(name: str, desc: PrimFunc, impl: PrimFunc, override: bool = False) -> TensorIntrin:
        """Make an intrinsic known under `name`; gives it.

        Raises
        ------
        UserError: the name is taken and `override` is not set, or the functions do not fit (see the constructor).
        """
        if name in TensorIntrin.registry and not override:
            raise UserError(f"there is an intrinsic {name!r} already; pass override=True to replace it")
        made = TensorIntrin(desc, impl, name)
        TensorIntrin.registry[name] = made
        return made

    @staticmethod
    def get(name: str) -> TensorIntrin:
        """The intrinsic registered as `name`, or the one of a processor that is called so.

        Raises
        ------
        UserError: there is none.
        """
        found = TensorIntrin.registry.get(name) or TensorIntrin._made(name)
        if found is None:
            near = difflib.get_close_matches(name, TensorIntrin.names(), 3)
            known = f"; did you mean {' or '.join(map(repr, near))}?" if near else "; TensorIntrin.register makes one"
            raise UserError(f"there is no intrinsic {name!r}{known}")
        return found

    @staticmethod
    def names() -> tuple[str, ...]:
        """The names that `get` knows, sorted; where a name holds sizes, the processors' ones are examples."""
        return tuple(sorted({*TensorIntrin.registry, *(n for source in SOURCES for n in source().names())}))

    @staticmethod
    def _made(name: str) -> TensorIntrin | None:
        """The intrinsic that a source has texts for, registered."""
        for source in SOURCES:
            texts = source().texts(name)
            if texts is not None:
                return TensorIntrin.register(name, *map(parse, texts))
        return None

    def __repr__(self) -> str:
        return f"TensorIntrin({self.name or self.desc.name!r})"


def body_block(function: PrimFunc) -> Block | None:
    """The block that an intrinsic's function is: the root block, or the only block below one that does nothing else."""
    root = function.root
    if root is None:
        return None
    inner = root.body
    bare = not (root.reads or root.writes or root.alloc_buffers)
    if bare and isinstance(inner, BlockRealize) and not inner.iter_values:
        return inner.block
    return root
