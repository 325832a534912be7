"""The state of a schedule: a module, the tree of references into it, and `replace`, the only way to change both."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from ..tir.analysis.scope import Failure
from ..tir.errors import InternalError
from ..tir.function import IRModule, PrimFunc
from ..tir.node import DELETE
from ..tir.stmt import Block, BlockRealize, For, Stmt
from .errors import require
from .sref import BlockSRef, LoopSRef, SRef, below, nearest, reference

_MISSING: Any = object()


class Journal:
    """What a step changed, as places and their other values; swapping it in undoes the step, and again redoes it."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: list[tuple[Any, Any, Any]] = []

    def set(self, target: Any, name: Any, value: Any) -> None:
        """Assign an attribute (or an item of a dict; `_MISSING` removes it), remembering the former value."""
        if type(target) is dict:
            old = target.get(name, _MISSING)
            if value is _MISSING:
                target.pop(name, None)
            else:
                target[name] = value
        else:
            old = getattr(target, name)
            setattr(target, name, value)
        self.entries.append((target, name, old))

    def move(self, srefs: dict[Stmt, SRef], ref: SRef, after: Any) -> None:
        """Let a reference that is in the table go from its statement to another, remembering both."""
        before = ref.stmt
        del srefs[before]
        srefs[after] = ref
        ref.stmt = after
        self.entries += ((srefs, before, ref), (srefs, after, _MISSING), (ref, "stmt", before))

    def swap(self) -> None:
        """Exchange the present values with the remembered ones."""
        entries, self.entries = self.entries, []
        for target, name, value in reversed(entries):
            self.set(target, name, value)


class State:
    """A module under transformation.

    Attributes
    ----------
    mod: the module as it is now. The IR is persistent: older modules stay as they were.
    srefs: the reference to each loop and block of the schedulable functions.
    roots: the root block's reference of each such function, by name.
    step: the number of the step being made, written into references that it removes.
    rng: the random numbers of sampling primitives.
    affine: what was found of bindings (see `bindings.key_of`): why they are not affine, or None.
    one_to_one: bindings that are known to be one to one (see `bindings`).
    working_on: the function in which blocks are looked up by default, if one was chosen.
    layouts: the changes of layout made to functions' parameters, by function and the parameter's number.
    """

    def __init__(self, mod: IRModule) -> None:
        self.mod = mod
        self.srefs: dict[Stmt, SRef] = {}
        self.roots: dict[str, BlockSRef] = {}
        self.journal = Journal()
        self.step = 0
        self.rng = random.Random(0)
        self.working_on: str | None = None
        self.affine: dict[Any, Failure | None] = {}
        self.one_to_one: set[Any] = set()
        self.layouts: dict[tuple[str, int], tuple[Any, ...]] = {}
        for name, function in mod.items():
            self._enter(name, function)

    def _enter(self, name: str, function: PrimFunc) -> None:
        root = function.root
        if root is not None:
            sref = BlockSRef(root, None, name)
            self.roots[name] = self.srefs[root] = sref
            self._reference_below(sref)

    def _reference_below(self, sref: SRef) -> None:
        for child in below(sref.stmt):
            if child in self.srefs:
                require(
                    False,
                    "{0} occurs twice in the module as one object; copy one occurrence with tensorir.tir.visit.fresh",
                    child,
                )
            self.srefs[child] = reference(child, sref)
            self._reference_below(self.srefs[child])

    def copy(self) -> tuple[State, dict[SRef, SRef]]:
        """An independent state of the same module, and the new reference of each old one."""
        new = State.__new__(State)
        new.mod, new.journal, new.step, new.working_on = self.mod, Journal(), self.step, self.working_on
        new.rng = random.Random(0)
        new.affine, new.one_to_one = self.affine, self.one_to_one
        new.layouts = dict(self.layouts)
        twins: dict[SRef, SRef] = {}

        def twin(sref: SRef) -> SRef:
            found = twins.get(sref)
            if found is None:
                parent = None if sref.parent is None else twin(sref.parent)
                if isinstance(sref, BlockSRef):
                    found = BlockSRef(sref.stmt, parent, sref.function)
                else:
                    found = LoopSRef(sref.stmt, parent)
                twins[sref] = found
            return found

        new.srefs = {stmt: twin(sref) for stmt, sref in self.srefs.items()}
        new.roots = {name: twins[root] for name, root in self.roots.items()}  # type: ignore[misc]
        return new, twins

    @property
    def func_working_on(self) -> str:
        """The name of the function in which blocks are looked up by default.

        Raises
        ------
        ScheduleError: the module has several functions with blocks, none of them "main", and none is chosen.
        """
        if self.working_on is None:
            names = list(self.roots)
            require(
                len(names) == 1 or "main" in names,
                "the module has several functions ({0}); say which one is meant",
                ", ".join(names),
                hint="sch.work_on(name), or func_name=... of get_block",
            )
            return names[0] if len(names) == 1 else "main"
        return self.working_on

    def function_name(self, sref: SRef) -> str:
        """The name of the function that holds `sref`."""
        root = sref
        while root.parent is not None:
            root = root.parent
        assert isinstance(root, BlockSRef)
        assert root.function is not None
        return root.function

    def function(self, sref: SRef) -> PrimFunc:
        """The function that holds `sref`."""
        return self.mod[self.function_name(sref)]

    def realize(self, block: BlockSRef) -> BlockRealize:
        """The `BlockRealize` that runs `block`."""
        if block.parent is None:
            body = self.function(block).body
            assert isinstance(body, BlockRealize)
            return body
        found = _find_realize(block.parent.stmt.body, block.stmt)
        if found is None:
            raise InternalError(f"{block} is not below its parent {block.parent}")
        return found

    def child_blocks(self, sref: SRef) -> list[BlockSRef]:
        """The blocks below a loop or block that no other block lies between, in program order."""
        out: list[BlockSRef] = []
        stack: list[Any] = [sref.stmt.body]
        while stack:
            stmt = stack.pop()
            cls = type(stmt)
            if cls is For:
                stack.append(stmt.body)
            elif cls is BlockRealize:
                out.append(self.srefs[stmt.block])  # type: ignore[arg-type]
            elif isinstance(stmt, Stmt):
                stack.extend(reversed(stmt.children()))
        return out

    def replace(self, sref: SRef, new: Any, reuse: Mapping[Block, Block] | None = None) -> None:
        """Put `new` where the statement of `sref` is; where it is a block and `new` no block, in place of its realize.

        References move along: a loop or block that is still the same object keeps its own; a new loop takes that of
        the removed loop with its variable; a new block that of the removed block given by `reuse` (old -> new) or,
        when `sref` itself goes from block to block, that one. Every other new statement gets a new reference, and the
        references of what is gone end. Only the path from `sref` up to the function is copied.

        Parameters
        ----------
        new: a statement, or `DELETE`.
        """
        old: Stmt = sref.stmt
        if new is old:
            return
        heirs: dict[Any, Block] = dict(reuse or {})
        if isinstance(old, Block) and isinstance(new, Block):
            heirs[old] = new
        parent = sref.parent
        fresh, kept = ([], set()) if new is DELETE else self._survey(new)
        gone = self._gone(old, kept)
        # References to be had, by the loop's variable or the new block.
        free: dict[Any, SRef] = {s.loop_var if type(s) is For else heirs.get(s, s): self.srefs[s] for s in gone}
        write = self.journal.set
        for stmt, above in fresh:
            upper = parent if above is None else self.srefs[above]
            if stmt in kept:
                ref = self.srefs[stmt]
            else:
                taken = free.pop(stmt.loop_var if type(stmt) is For else stmt, None)
                if taken is not None:
                    ref = taken
                    self.journal.move(self.srefs, ref, stmt)
                else:
                    ref = reference(stmt, upper)
                    ref.removed_at = self.step
                    write(ref, "removed_at", None)
                    write(self.srefs, stmt, ref)
            if ref.parent is not upper:
                write(ref, "parent", upper)
        for stmt in gone:
            if stmt in self.srefs:
                write(self.srefs[stmt], "removed_at", self.step)
                write(self.srefs, stmt, _MISSING)
        self._copy_path(parent, old, new, sref)

    def _survey(self, stmt: Stmt) -> tuple[list[tuple[For | Block, For | Block | None]], set[Stmt]]:
        """The loops and blocks of a new tree with what is above each, in program order, and those among them that were
        there before, which are not entered."""
        out: list[tuple[For | Block, For | Block | None]] = []
        kept: set[Stmt] = set()
        stack: list[tuple[For | Block, For | Block | None]] = [(node, None) for node in reversed(nearest(stmt))]
        while stack:
            node, above = stack.pop()
            out.append((node, above))
            if node in self.srefs and node not in kept:
                kept.add(node)
            else:
                stack += [(inner, node) for inner in reversed(below(node))]
        return out, kept

    def _gone(self, old: Stmt, kept: set[Stmt]) -> list[For | Block]:
        """The loops and blocks of the old tree that are not kept."""
        out = nearest(old)
        for node in out:
            if node not in kept:
                out += below(node)
        return [node for node in out if node not in kept]

    def _copy_path(self, parent: SRef | None, old: Stmt, new: Any, sref: SRef) -> None:
        write = self.journal.set
        while parent is not None:
            before: Any = parent.stmt
            body = new if before.body is old else _swap(before.body, old, new)
            if body is DELETE:
                # A loop left without a body goes with it; a block keeps a body that does nothing.
                require(isinstance(before, For), "{0} would be left empty", before)
                write(self.srefs, before, _MISSING)
                write(parent, "removed_at", self.step)
                old, new = before, DELETE
            else:
                after: Any = before.with_body(body) if type(before) is For else before.replace(body=body)
                self.journal.move(self.srefs, parent, after)
                old, new = before, after
            sref, parent = parent, parent.parent
        assert isinstance(sref, BlockSRef)
        assert sref.function is not None
        function = self.mod[sref.function]
        body = _swap(function.body, old, new)
        write(self, "mod", self.mod.with_function(sref.function, function.with_body(body)))

    def set_function(self, name: str, function: PrimFunc) -> None:
        """Replace what of a function lies outside its root block (buffers, attributes)."""
        self.journal.set(self, "mod", self.mod.with_function(name, function))

    def relaid(self, name: str, number: int, layout: Any) -> None:
        """Note that a parameter of a function was given another layout."""
        key = name, number
        self.journal.set(self.layouts, key, (*self.layouts.get(key, ()), layout))

    def layouts_of(self, name: str) -> dict[int, tuple[Any, ...]]:
        """The changes of layout made to a function's parameters."""
        return {number: layouts for (function, number), layouts in self.layouts.items() if function == name}

    def check(self) -> None:
        """Derive the references anew and compare, and verify the module.

        Raises
        ------
        InternalError: a reference is wrong.
        VerifyError: the module is ill-formed.
        """
        from ..tir.verify import verify

        verify(self.mod)
        expected = State(self.mod)
        if expected.srefs.keys() != self.srefs.keys():
            raise InternalError("the references of the schedule do not cover the program's loops and blocks")
        for stmt, ref in expected.srefs.items():
            mine = self.srefs[stmt]
            above = None if mine.parent is None else mine.parent.stmt
            right = None if ref.parent is None else ref.parent.stmt
            if mine.stmt is not stmt or above is not right or mine.removed_at is not None:
                raise InternalError(f"the reference {mine} is wrong: at {mine.stmt}, below {above}")


def _swap(stmt: Any, old: Stmt, new: Any) -> Any:
    """`stmt` with `old` replaced by `new`, not looking into other loops and blocks."""
    if stmt is old:
        return new
    if isinstance(stmt, BlockRealize):
        if stmt.block is old:
            return BlockRealize(stmt.iter_values, stmt.predicate, new) if isinstance(new, Block) else new
        return stmt
    if not isinstance(stmt, Stmt) or isinstance(stmt, (For, Block)):
        return stmt
    return stmt.map_children(lambda child: _swap(child, old, new))


def _find_realize(stmt: Stmt, block: Block) -> BlockRealize | None:
    if isinstance(stmt, BlockRealize):
        return stmt if stmt.block is block else None
    if isinstance(stmt, For):
        return None
    for child in stmt.children():
        if isinstance(child, Stmt):
            found = _find_realize(child, block)
            if found is not None:
                return found
    return None
