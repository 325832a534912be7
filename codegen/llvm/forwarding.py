"""What straight-line code knows of memory: values loaded or stored need no load, stores overwritten are dropped.

LLVM does this as well, but not in the long bodies that unrolling makes: it gives up looking for the last store to an
address after some hundred instructions, and the time that many accesses in one block cost it grows with their square.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass

from ...tir.dtype import DType
from ...tir.expr import Add, Expr, IntImm, Mul, Sub, Var

Terms = frozenset[tuple[Expr, int]]


@dataclass(frozen=True, slots=True)
class Access:
    """A load or store.

    Attributes
    ----------
    group: stands for the pointers that may point to this memory; memory of different groups never overlaps.
    data: the pointer.
    index: of the first element, an expression that means the same later on; None where nothing is known.
    span: how many elements follow each other. size: bytes of an element.
    type: of the value.
    """

    group: Hashable
    data: Var
    index: Expr | None
    span: int
    size: int
    type: DType


@dataclass(slots=True)
class Known:
    """The value of `span` elements; `line` is where their store stands, -1 if they were loaded."""

    value: str
    type: DType
    span: int
    line: int


Place = tuple[Var | None, int, Terms]
"""The pointer, the size of an element, and the part of an index that is not constant."""

_NOWHERE: Place = (None, 0, frozenset())


class Forwarding:
    """Known contents of memory at the present point of the code, by group, place and constant part of the index."""

    def __init__(self) -> None:
        self.groups: dict[Hashable, dict[Place, dict[int, Known]]] = {}
        self.unseen: dict[Hashable, tuple[Place, dict[int, Known]]] = {}
        """Stores that nothing has seen yet, of each group: all at one place."""
        self.forms: dict[Expr, tuple[Terms, int]] = {}
        self.numbers: dict[Expr, int] = {}
        """The order in which atoms were first met, by which sums are written."""
        self.widest = 1

    def forget(self) -> None:
        """The code goes on somewhere else: nothing is known."""
        self.groups.clear()
        self.unseen.clear()

    def settle(self) -> None:
        """Stores made so far may be seen from elsewhere: they stay."""
        self.unseen.clear()

    def load(self, access: Access) -> str | None:
        """The register that holds what a load gives; None where the load has to be made, and may see stores."""
        if access.index is None:
            self.unseen.pop(access.group, None)
            return None
        place, first = self.place(access)
        found = self.groups.get(access.group, {}).get(place, {}).get(first)
        if found is not None and found.type == access.type:
            return found.value
        where, stores = self.unseen.get(access.group, (place, {}))
        if where != place:
            del self.unseen[access.group]
        else:
            for offset in self.overlapping(stores, first, access.span):
                del stores[offset]
        return None

    def element(self, access: Access, offset: int) -> tuple[Known, int] | None:
        """The register that holds the element `offset` behind the first one of an access, and its place in there."""
        place, first = self.place(access)
        elements = self.groups.get(access.group, {}).get(place, {})
        at = first + offset
        for begin in range(at, at - self.widest, -1):
            found = elements.get(begin)
            if found is not None and at < begin + found.span:
                return found, at - begin
        return None

    def overlapping(self, elements: dict[int, Known], first: int, span: int) -> list[int]:
        """The offsets of those that share an element with `first, ..., first + span - 1`."""
        self.widest = max(self.widest, span)
        near: Collection[int] = range(first - self.widest + 1, first + span)
        if len(elements) < len(near):
            near = elements
        return [o for o in near if o in elements and o < first + span and first < o + elements[o].span]

    def loaded(self, access: Access, value: str) -> None:
        """Note what a load gave."""
        place, first = self.place(access)
        self.widest = max(self.widest, access.span)
        elements = self.groups.setdefault(access.group, {}).setdefault(place, {})
        elements.setdefault(first, Known(value, access.type, access.span, -1))

    def store(self, access: Access, value: str, line: int) -> int | None:
        """Note a store that stands at `line`; gives the line of an earlier one that it makes pointless."""
        places = self.groups.setdefault(access.group, {})
        unseen = self.unseen.setdefault(access.group, (_NOWHERE, {}))
        if access.index is None:
            places.clear()
            del self.unseen[access.group]
            return None
        place, first = self.place(access)
        for other in [p for p in places if p != place]:
            # Perhaps the same elements, by another name.
            del places[other]
        if unseen[0] != place:
            unseen = self.unseen[access.group] = (place, {})
        elements = places.setdefault(place, {})
        stored = unseen[1].get(first)
        pointless = stored.line if stored is not None and stored.span <= access.span else None
        for offset in self.overlapping(elements, first, access.span):
            del elements[offset]
            unseen[1].pop(offset, None)
        elements[first] = unseen[1][first] = Known(value, access.type, access.span, line)
        return pointless

    def place(self, access: Access) -> tuple[Place, int]:
        """Where an access is, and the constant part of its index."""
        assert access.index is not None
        terms, constant = self.form(access.index)
        return (access.data, access.size, terms), constant

    def form(self, e: Expr) -> tuple[Terms, int]:
        """The linear form of an index: multiples of atoms, and a constant."""
        found = self.forms.get(e)
        if found is None:
            found = self.forms[e] = self._form(e)
        return found

    def variable(self, e: Expr) -> Expr:
        """The variable part of an index, as an expression."""
        terms, _ = self.form(e)
        parts = [atom * factor for atom, factor in sorted(terms, key=lambda term: self.numbers[term[0]])]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def _form(self, e: Expr) -> tuple[Terms, int]:
        if isinstance(e, IntImm):
            return frozenset(), e.value
        if isinstance(e, (Add, Sub)):
            (left, a), (right, b) = self.form(e.a), self.form(e.b)
            sign = 1 if isinstance(e, Add) else -1
            terms = dict(left)
            for atom, factor in right:
                terms[atom] = terms.get(atom, 0) + sign * factor
            return frozenset((atom, factor) for atom, factor in terms.items() if factor), a + sign * b
        if isinstance(e, Mul) and isinstance(e.b, IntImm):
            inner, a = self.form(e.a)
            return frozenset((atom, factor * e.b.value) for atom, factor in inner), a * e.b.value
        self.numbers.setdefault(e, len(self.numbers))
        return frozenset({(e, 1)}), 0
