"""Loads and stores as Python source: where an element lies, how its bits are read, what the sanitizer asks first."""

from __future__ import annotations

from collections.abc import Sequence

from ...tir.buffer import Buffer, BufferLoad
from ...tir.dtype import DType
from ...tir.expr import Expr
from .expression import Expressions, Lanes, typed
from .memory import codec, is_coded
from .source import Val, number


class View:
    """A buffer at run time.

    Attributes
    ----------
    memory: the name of the typed `memoryview`.
    pointer: the pointer.
    shape, strides: in elements.
    offset: of the buffer's first element from the memory's element 0.
    start: which element of the memory the pointer points to.
    shadow: the name of what the sanitizer knows of the memory; "" outside the sanitizer.
    base, origin: for a match_buffer, the view it is part of and the indices there of its first element.
    """

    __slots__ = ("base", "buffer", "memory", "offset", "origin", "pointer", "shadow", "shape", "start", "strides")

    def __init__(
        self,
        buffer: Buffer,
        memory: str,
        pointer: Val,
        shape: Lanes,
        strides: Lanes,
        offset: Val,
        start: Val,
        shadow: str = "",
        base: View | None = None,
        origin: Lanes | None = None,
    ) -> None:
        self.buffer, self.memory, self.pointer, self.shape = buffer, memory, pointer, shape
        self.strides, self.offset, self.start, self.shadow = strides, offset, start, shadow
        self.base, self.origin = base, origin


class Access(Expressions):
    """Adds memory to expressions."""

    def __init__(self, *, sanitize: bool, check_regions: bool) -> None:
        super().__init__()
        self.sanitize = sanitize
        self.check_regions = check_regions
        self.views: dict[Buffer, View] = {}
        self.ordered = False
        """Whether loads must happen in the order they are written, since the statement also changes memory."""

    def declare(self, buffer: Buffer, pointer: Val) -> View:
        """Make `buffer` a view of the memory at `pointer` from here on."""
        element = self.constant(buffer.dtype.element)
        offset = self.settle(self.index(buffer.elem_offset))
        if buffer.strides:
            # Strides may be negative, so elements may lie before the pointer.
            memory = self.settle(Val(f"{pointer.src}.whole({element})", pointer.level))
            start = self.settle(Val(f"{pointer.src}.index({element})", pointer.level, False, -(1 << 62), 1 << 62))
            offset = self.plus(offset, start)
        else:
            memory = self.settle(Val(f"{pointer.src}.view({element})", pointer.level))
            start = number(0)
        shadow = ""
        if self.sanitize:
            shadow = self.settle(
                Val(f"shadow_view({pointer.src}, {element}, {bool(buffer.strides)})", pointer.level)
            ).src
        shape = [self.settle(self.index(e)) for e in buffer.shape]
        strides = [self.settle(self.index(e)) for e in buffer.strides] or self.compact(shape)
        view = View(buffer, memory.src, pointer, shape, strides, self.settle(offset), start, shadow)
        self.views[buffer] = view
        return view

    def compact(self, shape: Lanes) -> Lanes:
        """The strides of a row-major buffer of the given shape."""
        out: Lanes = []
        for k in range(len(shape)):
            stride = number(1)
            for extent in shape[k + 1 :]:
                stride = self.times(stride, extent)
            out.append(self.settle(stride))
        return out

    def view_of(self, buffer: Buffer) -> View:
        return self.views[buffer]

    def flat(self, view: View, index: Sequence[Val]) -> Val:
        """Which element of the memory the one at `index` is."""
        terms = [view.offset, *(self.times(i, s) for i, s in zip(index, view.strides))]
        total = number(0)
        for term in sorted(terms, key=lambda v: v.level):
            total = self.plus(total, term)
        return total

    def elements(self, view: View, indices: Sequence[Expr], kind: str, predicate: Lanes | None = None) -> Lanes:
        """Where each lane's element lies; in the sanitizer, after asking whether it may be touched so."""
        columns = [self.indices(e) for e in indices]
        lanes = max((len(c) for c in columns), default=1)
        columns = [[self.atom(c[0])] * lanes if len(c) < lanes else c for c in columns]
        width = view.buffer.dtype.lanes
        out: Lanes = []
        for lane in range(lanes):
            index = [c[lane] for c in columns]
            if self.sanitize or self.check_regions:
                index = [self.atom(v) for v in index]
            place = self.hoist(self.flat(view, index))
            if width > 1:
                place = self.times(place, number(width))
            if self.sanitize or self.check_regions:
                place = self.atom(place)
                self.examine(view, index, place, kind, predicate[lane].src if predicate else "")
            if width == 1:
                out.append(place)
            else:
                out += [self.plus(place, number(k)) for k in range(width)]
        return out

    def examine(self, view: View, index: Lanes, place: Val, kind: str, condition: str) -> None:
        """The sanitizer's questions before an element is touched (none here), where `condition` holds if given."""

    def visit_buffer_load(self, e: BufferLoad) -> Lanes:
        view = self.view_of(e.buffer)
        outer, self.indexing = self.indexing, False
        if e.predicate is None:
            lanes = [self.element(view, place) for place in self.elements(view, e.indices, "read")]
        else:
            lanes = self.masked(e, view)
        self.indexing = outer
        return [self.atom(v) for v in lanes] if self.ordered else lanes

    def element(self, view: View, place: Val) -> Val:
        """The element at `place`."""
        element = view.buffer.dtype.element
        load = f"{view.memory}[{place.src}]"
        if is_coded(element):
            load = f"{self.constant(codec(element).decode)}[{load}]"
        return typed(load, element, self.depth)

    def masked(self, e: BufferLoad, view: View) -> Lanes:
        """The lanes for which the predicate holds; zero for the others, whose elements are not touched."""
        assert e.predicate is not None
        mask = [self.atom(v) for v in self.values(e.predicate)]
        places = self.elements(view, e.indices, "read", mask)
        zero = Val("0.0", 0, True) if e.dtype.is_float else number(0)
        return [
            self.choose(m, lambda p=p: [self.element(view, p)], lambda: [zero])[0]  # type: ignore[misc]
            for m, p in zip(mask, places)
        ]

    def store(self, view: View, places: Lanes, lanes: Lanes, mask: Lanes | None = None) -> None:
        """Store `lanes`, all evaluated before the first is stored."""
        element = view.buffer.dtype.element
        values = [self.encoded(v, element) for v in lanes]
        targets = [f"{view.memory}[{p.src}]" for p in places]
        if mask is not None:
            values = [self.atom(Val(v, self.depth)).src for v in values]
            for m, target, v in zip(mask, targets, values):
                self.line(f"if {m.src}: {target} = {v}")
            return
        if len(places) > 1:
            targets = [f"{view.memory}[{p.src if p.level < self.depth else self.atom(p).src}]" for p in places]
        self.line(f"{', '.join(targets)} = {', '.join(values)}")

    def encoded(self, v: Val, element: DType) -> str:
        """What goes into memory for the value `v`."""
        if is_coded(element):
            return f"{self.constant(codec(element).encode)}({v.src})"
        # A store into memory of C floats rounds by itself.
        return v.src if element.is_float else self.exact(v, element).src


Expressions.table[BufferLoad] = Access.visit_buffer_load
