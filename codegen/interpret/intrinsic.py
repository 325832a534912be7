"""Calls as Python source: scalar functions, choices, pointers, atomics, what threads exchange, other functions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from ...tir.buffer import BufferLoad
from ...tir.dtype import VOID, DType
from ...tir.expr import Call, CommReducer, Expr, GlobalVar, IntImm, StringImm, Var, const
from ...tir.meanings import BY_TYPE
from ...tir.op import Domain, Effect, Intrinsic, evaluate
from ..fragments import WGMMA_GROUPS, Fragment, is_fragment, layout_of
from ..intrinsics.composed import COMPOSED
from ..intrinsics.instructions import meaning
from . import fragments, lanes, scalars
from .access import Access
from .expression import Lanes, typed
from .extern import EXTERNS
from .source import Val, number


class Calls(Access):
    """Adds calls to expressions."""

    rules: dict[str, Callable[[Any, Call], Lanes]] = {}

    reducer: CommReducer | None = None
    fragments: dict[Var, Fragment]
    thread = ""
    """The name of the running thread where threads can exchange values, else ""."""

    def visit_call(self, e: Call) -> Lanes:
        if isinstance(e.op, GlobalVar):
            return self.call_function(e)
        rule = self.rules.get(e.op.name)
        if rule is not None:
            return rule(self, e)
        assert isinstance(e.op, Intrinsic)
        if e.op.domain is Domain.ANY or e.op.effect is not Effect.PURE:
            raise scalars.Fault(f"the interpreter does not know the intrinsic {e.op.name!r}")
        return self.scalar_function(e, e.op)

    def scalar_function(self, e: Call, row: Intrinsic) -> Lanes:
        """A pure function of numbers, lane by lane."""
        result = e.dtype.element
        if row.name in BY_TYPE or result.is_integral:
            name = self.constant(_evaluator(row, result))
            raw = False
        else:
            name = self.constant(row.evaluate)
            raw = result.is_float
        out = []
        for args in zip(*(self.values(a) for a in e.args)):
            v = typed(f"{name}({', '.join(a.src for a in args)})", result, self.depth)
            v.raw = raw
            out.append(v)
        return out

    def bitwise(self, e: Call) -> Lanes:
        symbol = {"bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^"}[str(e.op.name)]
        out = []
        for a, b in zip(self.values(e.args[0]), self.values(e.args[1])):
            (a_lo, a_hi), (b_lo, b_hi) = a.bounds, b.bounds
            if a_lo >= 0 and b_lo >= 0:
                lo, hi = 0, (min(a_hi, b_hi) if symbol == "&" else (1 << max(a_hi, b_hi).bit_length()) - 1)
            elif symbol == "&" and max(a_lo, b_lo) >= 0:
                lo, hi = 0, a_hi if a_lo >= 0 else b_hi
            else:
                reach = 1 << max(abs(x).bit_length() for x in (a_lo, a_hi, b_lo, b_hi))
                lo, hi = -reach, reach - 1
            out.append(self.combine(f"{{}} {symbol} {{}}", a, b, lo=lo, hi=hi, raw=True))
        return out

    def bitwise_not(self, e: Call) -> Lanes:
        return [
            self.combine("~{}", v, lo=-1 - v.bounds[1], hi=-1 - v.bounds[0], raw=True) for v in self.values(e.args[0])
        ]

    def shift(self, e: Call) -> Lanes:
        left = e.op.name == "shift_left"
        bits = e.dtype.bits
        out = []
        for a, b in zip(self.values(e.args[0]), self.values(e.args[1])):
            lo, hi = a.bounds
            by = b.constant
            most = by if by is not None and 0 <= by < bits else bits - 1
            bounds = (min(lo, lo << most), max(hi, hi << most)) if left else (min(lo, lo >> most), max(hi, hi >> most))
            if b.bounds[0] >= 0 and b.bounds[1] < bits:
                out.append(self.combine("{} << {}" if left else "{} >> {}", a, b, lo=bounds[0], hi=bounds[1], raw=True))
            else:
                out.append(Val(f"{e.op.name}({a.src}, {b.src}, {bits})", self.depth, False, *bounds, raw=True))
        return out

    def if_then_else(self, e: Call) -> Lanes:
        condition, yes, no = e.args
        if condition.dtype.lanes == 1:
            return self.choose(self.value(condition), lambda: self.lanes(yes), lambda: self.lanes(no))
        out = []
        for k, c in enumerate(self.values(condition)):
            c = self.atom(c)
            out += self.choose(c, lambda k=k: [self.lanes(yes)[k]], lambda k=k: [self.lanes(no)[k]])  # type: ignore[misc]
        return out

    def likely(self, e: Call) -> Lanes:
        return self.lanes(e.args[0])

    def reinterpret(self, e: Call) -> Lanes:
        lanes = self.values(e.args[0])
        source, target = e.args[0].dtype, e.dtype
        if source == target:
            return lanes
        if source.bits * source.lanes != target.bits * target.lanes or source.is_handle or target.is_handle:
            raise scalars.Fault(f"the bits of a {source} cannot be read as a {target}")
        function = self.constant(scalars.reinterpreter(str(source.element), str(target.element)))
        name = self.atom(Val(f"{function}(({', '.join(v.src for v in lanes)},))", self.depth)).src
        return [typed(f"{name}[{k}]", target.element, self.depth) for k in range(target.lanes)]

    def is_null(self, e: Call) -> Lanes:
        return [Val(f"({self.value(e.args[0]).src} == NULL)", self.depth, lo=0, hi=1)]

    def undef(self, e: Call) -> Lanes:
        value = Val("nan", 0, True) if e.dtype.is_float else number(0 if e.dtype.is_bool else int(e.dtype.max))
        return [value] * e.dtype.lanes

    def vscale(self, e: Call) -> Lanes:
        return [number(1)]

    def vector_reduce(self, e: Call) -> Lanes:
        import operator

        from ...tir.expr import Max, Min

        lanes = [self.atom(v) for v in self.values(e.args[0])]
        total = lanes[0]
        for v in lanes[1:]:
            if e.op.name == "vector_reduce_add":
                total = self.combine("{} + {}", total, v, raw=True, **_sum_bounds(operator.add, total, v))
            else:
                (total,) = self.lesser_or_greater(Min if e.op.name == "vector_reduce_min" else Max, e.dtype, total, v)
            total = self.exact(total, e.dtype)
        return [total]

    def address_of(self, e: Call) -> Lanes:
        (load,) = e.args
        if not isinstance(load, BufferLoad):
            raise scalars.Fault("T.address_of takes an element of a buffer, as in T.address_of(A[i])")
        view = self.view_of(load.buffer)
        first = self.flat(view, [self.indices(i)[0] for i in load.indices])
        place = self.times(self.minus(first, view.start), number(load.buffer.dtype.lanes))
        element = self.constant(load.buffer.dtype.element)
        return [Val(f"{view.pointer.src}.at({place.src}, {element})", self.depth)]

    def access_ptr(self, e: Call) -> Lanes:
        annotation, data, offset, _, _ = e.args
        element, place = self.constant(annotation.dtype.element), self.index(offset)
        view = next((v for b, v in self.views.items() if b.data is data and v.base is not None), None)
        if view is not None and isinstance(view.buffer.elem_offset, IntImm):
            # Its pointer is the source's, and it has not asked where in there it begins.
            place = self.plus(place, self.minus(view.offset, view.start))
        return [Val(f"{self.value(data).text}.at({place.src}, {element})", self.depth)]

    def call_llvm(self, e: Call) -> Lanes:
        """An LLVM intrinsic: by the expression it stands for, or by the Python function registered for it."""
        value = meaning(e)
        return self.lanes(value) if value is not None else self.call_extern(e)

    def composed(self, e: Call) -> Lanes:
        """A word that stands for an expression of others."""
        return self.lanes(COMPOSED[e.op.name](*e.args))

    def call_extern(self, e: Call) -> Lanes:
        name, *args = e.args
        if not isinstance(name, StringImm):
            raise scalars.Fault(f"{e.op.name} takes the function's name first")
        lanes = [self.value(a).src for a in args]
        function = EXTERNS.get(name.value)
        if function is None:
            call = f"missing({name.value!r})"
        else:
            call = f"{self.constant(function)}({', '.join(lanes)})"
        return self.result(call, e.dtype)

    def call_function(self, e: Call) -> Lanes:
        assert isinstance(e.op, GlobalVar)
        args = "".join(f", {self.value(a).src}" for a in e.args)
        return self.result(f"rt.call({e.op.name!r}{args})", e.dtype)

    def result(self, call: str, t: DType) -> Lanes:
        """What a call with effects gives, evaluated here."""
        if t == VOID:
            self.line(call)
            return [number(0)]
        name = self.fresh()
        self.line(f"{name} = {call}")
        if t.is_integral:
            return [typed(f"wrap_to({name}, {str(t)!r})", t, self.depth)]
        v = typed(name, t, self.depth, atomic=True)
        v.raw = t.is_float
        return [v]

    def atomic_add(self, e: Call) -> Lanes:
        load, value = e.args
        if not isinstance(load, BufferLoad):
            raise scalars.Fault("T.atomic_add takes an element of a buffer, as in T.atomic_add(A[i], 1)")
        view = self.view_of(load.buffer)
        addend = [self.atom(v) for v in self.values(value)]
        places = [self.atom(p) for p in self.elements(view, load.indices, "atomic")]
        old = [self.settled(self.element(view, p)) for p in places]
        element = load.buffer.dtype.element
        self.store(view, places, [self.sum(a, b, element) for a, b in zip(old, addend)])
        return old

    def settled(self, v: Val) -> Val:
        name = self.fresh()
        self.line(f"{name} = {v.src}")
        return Val(name, self.depth, True, v.lo, v.hi)

    def sum(self, a: Val, b: Val, element: DType) -> Val:
        return Val(f"{a.src} + {b.src}", self.depth, raw=True) if element.is_float else self.plus(a, b)

    def nothing(self, e: Call) -> Lanes:
        return [number(0)]

    def assume(self, e: Call) -> Lanes:
        if self.sanitize:
            self.line(f"if not ({self.value(e.args[0]).src}): fail('what T.assume states does not hold')")
        return [number(0)]

    def trap(self, e: Call) -> Lanes:
        self.line("fail('the program trapped')")
        return [number(0)]

    def ret(self, e: Call) -> Lanes:
        value = self.value(e.args[0]).src if e.args else "None"
        self.line(f"raise Return({value})")
        return [number(0)]

    def leave(self, e: Call) -> Lanes:
        self.line("break" if e.op.name == "break_loop" else "continue")
        return [number(0)]

    def exchange(self, group: str, value: str) -> str:
        """The name of what every thread of the group gave, by its place in the group, after all have arrived."""
        name = self.fresh()
        self.line(f"{name} = yield ({group!r}, {value}, {self.constant(self.stmt)})")
        return name

    def sync(self, e: Call) -> Lanes:
        (scope,) = e.args
        where = scope.value if isinstance(scope, StringImm) else ""
        if self.thread:
            self.exchange({"warp": "warp", "global": "grid"}.get(where, "block"), "None")
        return [number(0)]

    def shuffle(self, e: Call) -> Lanes:
        _, value, lane, width, _ = e.args
        given = [self.atom(v) for v in self.values(value)]
        if not self.thread:
            return given
        by, span = self.atom(self.value(lane)), self.value(width)
        kind = {"tvm_warp_shuffle": "", "tvm_warp_shuffle_up": "-", "tvm_warp_shuffle_down": "+"}[str(e.op.name)]
        group = self.exchange("warp", f"({', '.join(v.src for v in given)},)")
        name = self.fresh()
        self.line(f"{name} = {self.thread}.pick({group}, {kind!r}, {by.src}, {span.src})")
        return [typed(f"{name}[{k}]", e.dtype.element, self.depth) for k in range(len(given))]

    def activemask(self, e: Call) -> Lanes:
        return [typed(f"{self.thread}.active_mask()" if self.thread else "1", e.dtype, self.depth)]

    def allreduce(self, e: Call) -> Lanes:
        """(number of values n, n values, condition, n results, reducing thread axes...) under a reduce_scope."""
        count = self.index(e.args[0]).constant
        if self.reducer is None or count is None:
            raise scalars.Fault("tvm_thread_allreduce stands inside T.attr(reducer, 'reduce_scope', ...)")
        values = [self.atom(self.value(v)) for v in e.args[1 : 1 + count]]
        condition = self.value(e.args[1 + count])
        results = e.args[2 + count : 2 + 2 * count]
        axes = [self.axis_of(v) for v in e.args[2 + 2 * count :] if not isinstance(v, IntImm)]
        given = f"({', '.join(v.src for v in values)},)"
        parts = self.fresh()
        if self.thread:
            everyone = self.exchange("block", f"({given}, {condition.src})")
            self.line(f"{parts} = {self.thread}.peers({everyone}, {tuple(axes)!r})")
        else:
            self.line(f"{parts} = [{given}] if {condition.src} else []")
        total, other = [self.fresh() for _ in values], [self.fresh() for _ in values]
        identity = [self.value(x) for x in self.reducer.identity_element]
        self.line(f"{', '.join(total)}, = {', '.join(v.src for v in identity)},")
        with self.block(f"for {', '.join(other)}, in {parts}:"):
            depth = self.depth
            self.open_scope()
            for names, variables in ((total, self.reducer.lhs), (other, self.reducer.rhs)):
                for name, var in zip(names, variables):
                    self.vars[var] = [typed(name, var.dtype, self.depth, atomic=True)]
            combined = [self.atom(v) for r in self.reducer.result for v in self.values(r)]
            self.line(f"{', '.join(total)}, = {', '.join(v.src for v in combined)},")
            self.close_scopes(depth)
        for name, target in zip(total, results):
            self.give(target, name)
        return [number(0)]

    def fragment(self, data: Expr, e: Call) -> tuple[DType, Fragment, str]:
        """Element type, shape and scope of the fragment that `data` points to."""
        buffer = next((b for b in self.views if b.data is data), None)
        shape = self.fragments.get(data)  # type: ignore[call-overload]
        if buffer is None or not is_fragment(buffer.scope):
            raise scalars.Fault(f"T.{e.op.name} takes a fragment: a buffer in the scope wmma.matrix_a or the like")
        if shape is None:
            # A view of one matrix of a fragment.
            rows, cols = (int(getattr(x, "value", 0)) for x in buffer.shape)
            shape = Fragment(rows, cols, rows if buffer.scope.endswith("matrix_b") else cols, "")
        return buffer.dtype.element, shape, buffer.scope

    def matrix(self, e: Call) -> Lanes:
        """A fill, load or store of one matrix of a fragment."""
        data, m, n, k, index, *rest = e.args
        t, _, scope = self.fragment(data, e)
        rows, cols, depth = (self.index(x).constant or 0 for x in (m, n, k))
        dims = Fragment(rows, cols, depth, "")
        rows, cols = dims.shape(scope)
        shape = (
            (cols, rows)
            if e.op.name == "tvm_load_matrix_sync" and layout_of(e.args[7])[0] == "col_major"
            else (rows, cols)
        )
        head = f"{self.value(data).src}, {self.constant(t)}, {shape}, {self.index(index).src}"
        if e.op.name == "tvm_fill_fragment":
            self.line(f"{self.constant(fragments.fill)}({head}, {self.value(rest[0]).src})")
            return [number(0)]
        pointer, stride, layout = rest
        _, swizzle = layout_of(layout)
        # A swizzle is of the whole memory, so it needs the place in it.
        first = "0"
        if swizzle and isinstance(pointer, Call) and pointer.op.name == "tvm_access_ptr":
            first = self.index(pointer.args[2]).src
            pointer = pointer.replace(args=(*pointer.args[:2], const(0), *pointer.args[3:]))
        function = fragments.load if e.op.name == "tvm_load_matrix_sync" else fragments.store
        self.line(
            f"{self.constant(function)}({head}, {self.value(pointer).src}, {first}, {self.index(stride).src}, "
            f"{swizzle})"
        )
        return [number(0)]

    def multiply(self, e: Call) -> Lanes:
        operands, layouts = e.args[:8], e.args[8:]
        (_, d, _), (ta, a, _), (tb, b, _), (tc, _, _) = (self.fragment(data, e) for data in operands[::2])
        turned = [layout_of(x)[0] == "col_major" for x in layouts] or [x.layout == "col_major" for x in (a, b)]
        sizes = ", ".join(self.index(x).src if i % 2 else self.value(x).src for i, x in enumerate(operands))
        types = self.constant((ta, tb, tc))
        self.line(f"{self.constant(fragments.multiply)}({sizes}, {types}, {(d.m, d.n, a.k)}, {tuple(turned)})")
        return [number(0)]

    def multiply_permuted(self, e: Call) -> Lanes:
        data, m, n, k, index, a, b, _ = e.args
        t, _, _ = self.fragment(data, e)
        dims = tuple(self.index(x).constant for x in (m, n, k))
        head = f"{self.value(data).src}, {self.constant(t)}, {dims}, {self.index(index).src}"
        self.line(f"{self.constant(fragments.multiply_permuted)}({head}, {self.whole(a)}, {self.whole(b)})")
        return [number(0)]

    def copy_box(self, e: Call) -> Lanes:
        to, data, _, *numbers = e.args
        given = ", ".join(self.index(x).src for x in numbers)
        self.line(f"{self.constant(fragments.copy_box)}({self.whole(to)}, {self.value(data).src}, {given})")
        return [number(0)]

    def whole(self, pointer: Expr) -> str:
        """A pointer to where memory begins and the number of the element pointed to: permutations count from there."""
        if not isinstance(pointer, Call) or pointer.op.name != "tvm_access_ptr":
            raise scalars.Fault("permuted memory is pointed to by T.tvm_access_ptr")
        base = pointer.replace(args=(*pointer.args[:2], const(0), *pointer.args[3:]))
        return f"{self.value(base).src}, {self.index(pointer.args[2]).src}"

    def copy_async(self, e: Call) -> Lanes:
        to, source, size, *condition = e.args
        head = f"{self.value(to).src}, {{}}, {self.index(size).src})"

        def copied() -> Lanes:
            self.line(f"{self.constant(fragments.copy)}(" + head.format(self.value(source).src))
            return [number(0)]

        def zeros() -> Lanes:
            self.line(f"{self.constant(fragments.copy)}(" + head.format("None"))
            return [number(0)]

        return self.choose(self.value(condition[0]), copied, zeros) if condition else copied()

    @abstractmethod
    def axis_of(self, e: Expr) -> str:
        """The thread axis whose variable `e` is."""

    def give(self, target: Expr, name: str) -> None:
        """Store a result of an allreduce: to the element a load names, or to the first one a pointer points to."""
        if isinstance(target, BufferLoad):
            view = self.view_of(target.buffer)
            places = self.elements(view, target.indices, "write")
            self.store(view, places, [typed(name, view.buffer.dtype, self.depth, atomic=True)])
            return
        for buffer, view in self.views.items():
            if buffer.data is target:
                self.store(view, [number(0)], [typed(name, buffer.dtype, self.depth, atomic=True)])
                return
        raise scalars.Fault("tvm_thread_allreduce stores to an element or to a buffer's pointer")


def _evaluator(row: Intrinsic, result: DType) -> Callable[..., Any]:
    found = _evaluators.get((row.name, str(result)))
    if found is None:
        found = _evaluators[row.name, str(result)] = lambda *args: evaluate(row, result, *args)
    return found


_evaluators: dict[tuple[str, str], Callable[..., Any]] = {}


def _sum_bounds(add: Callable[[int, int], int], a: Val, b: Val) -> dict[str, Any]:
    if a.lo is None:
        return {}
    return {"lo": add(*(v.bounds[0] for v in (a, b))), "hi": add(*(v.bounds[1] for v in (a, b)))}


Access.table[Call] = Calls.visit_call

Calls.rules = {
    **dict.fromkeys(("bitwise_and", "bitwise_or", "bitwise_xor"), Calls.bitwise),
    "bitwise_not": Calls.bitwise_not,
    **dict.fromkeys(("shift_left", "shift_right"), Calls.shift),
    "if_then_else": Calls.if_then_else,
    "likely": Calls.likely,
    "reinterpret": Calls.reinterpret,
    "dp4a": Calls.composed,
    "isnullptr": Calls.is_null,
    "undef": Calls.undef,
    "vscale": Calls.vscale,
    **dict.fromkeys(("vector_reduce_add", "vector_reduce_max", "vector_reduce_min"), Calls.vector_reduce),
    "address_of": Calls.address_of,
    "tvm_access_ptr": Calls.access_ptr,
    "type_annotation": Calls.nothing,
    **dict.fromkeys(("call_extern", "call_pure_extern", "call_packed"), Calls.call_extern),
    **dict.fromkeys(("call_llvm_intrin", "call_llvm_pure_intrin"), Calls.call_llvm),
    "atomic_add": Calls.atomic_add,
    "prefetch": Calls.nothing,
    "assume": Calls.assume,
    "trap": Calls.trap,
    "ret": Calls.ret,
    **dict.fromkeys(("break_loop", "continue_loop"), Calls.leave),
    "tvm_storage_sync": Calls.sync,
    **dict.fromkeys(("tvm_warp_shuffle", "tvm_warp_shuffle_up", "tvm_warp_shuffle_down"), Calls.shuffle),
    "tvm_warp_activemask": Calls.activemask,
    "tvm_thread_allreduce": Calls.allreduce,
    **dict.fromkeys(("tvm_fill_fragment", "tvm_load_matrix_sync", "tvm_store_matrix_sync"), Calls.matrix),
    "tvm_mma_sync": Calls.multiply,
    "lane_load_matrix": lanes.load_matrix,
    "lane_mma": lanes.multiply_add,
    "ptx_cp_async": Calls.copy_async,
    "ptx_wgmma_mma_async": Calls.multiply_permuted,
    "ptx_cp_async_bulk_tensor": Calls.copy_box,
    **dict.fromkeys(
        (
            "ptx_commit_group",
            "ptx_wait_group",
            "ptx_init_barrier_thread_count",
            "ptx_arrive_barrier_expect_tx",
            "ptx_wait_barrier",
            *WGMMA_GROUPS,
        ),
        Calls.nothing,
    ),
}
