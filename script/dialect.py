"""The spellings that differ between this package's script and Apache TVM's."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..tir.errors import UserError


@dataclass(frozen=True)
class Dialect:
    """How a printed program spells what the dialects spell differently.

    Attributes
    ----------
    header: the import lines under which the text is a Python file.
    block, block_attr, alloc_buffer: the functions of `T` for blocks, their annotations and their buffers.
    prim_func: arguments that the decorator always has.
    attributes: names of function attributes that are called otherwise.
    lone_block_is_root: a block without iterators that is a function's whole body is its root, whatever its name.
    """

    name: str
    header: str
    block: str = "T.block"
    block_attr: str = "T.block_attr"
    alloc_buffer: str = "T.alloc_buffer"
    prim_func: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    lone_block_is_root: bool = False


DIALECTS: dict[str, Dialect] = {
    d.name: d
    for d in (
        Dialect("tensorir", "from tensorir.script import ir as I, tir as T"),
        Dialect(
            "tvm",
            "from tvm.script import ir as I\nfrom tvm.script import tirx as T",
            block="T.sblock",
            block_attr="T.sblock_attr",
            alloc_buffer="T.sblock_alloc_buffer",
            prim_func=("s_tir=True",),
            attributes={"tir.noalias": "tirx.noalias"},
            lone_block_is_root=True,
        ),
    )
}


def dialect(name: str) -> Dialect:
    """The dialect called `name`.

    Raises
    ------
    UserError: there is none.
    """
    if name not in DIALECTS:
        raise UserError(f"unknown dialect {name!r}; the dialects are {', '.join(map(repr, DIALECTS))}")
    return DIALECTS[name]
