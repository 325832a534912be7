"""Random well-formed programs of all node kinds, to be printed, parsed, compared and rebuilt, but not to be run."""

from contextlib import contextmanager
from typing import Any

from tensorir.tir import op
from tensorir.tir.buffer import Buffer, BufferLoad, BufferRegion, MatchBufferRegion, Range, decl_buffer
from tensorir.tir.dtype import BOOL, HANDLE, INT32, VOID, DType, dtype
from tensorir.tir.expr import (
    EQ,
    GE,
    GT,
    LE,
    LT,
    NE,
    TRUE,
    Add,
    And,
    Broadcast,
    Call,
    Cast,
    CommReducer,
    Div,
    Expr,
    FloorDiv,
    FloorMod,
    GlobalVar,
    IntImm,
    Let,
    Max,
    Min,
    Mod,
    Mul,
    Not,
    Or,
    Ramp,
    Select,
    Shuffle,
    StringImm,
    Sub,
    Var,
    const,
)
from tensorir.tir.function import IRModule, PrimFunc
from tensorir.tir.node import Attrs
from tensorir.tir.stmt import (
    Allocate,
    AssertStmt,
    AttrStmt,
    Block,
    BlockRealize,
    BufferStore,
    DeclBuffer,
    Evaluate,
    For,
    ForKind,
    IfThenElse,
    IterType,
    IterVar,
    LetStmt,
    Stmt,
    While,
    seq,
)

from .choices import Choices

SCALARS = tuple(
    map(
        dtype,
        ("int32", "float32", "bool", "int64", "uint8", "int8", "float16", "bfloat16", "float64", "uint32", "int4"),
    )
)
ARITHMETIC = (Add, Sub, Mul, Min, Max, FloorDiv, FloorMod, Div, Mod)
COMPARISONS = (EQ, NE, LT, LE, GT, GE)
NAMES = ("i", "x", "A", "T", "n", "i_1", "if", "B.shared", "", "é", "x_2", "i")
STRINGS = ("", "a", 'q"uo\\te', "two\nlines", "ünï", "tab\t", "\0", "(", "]", "#")
SCOPES = ("global", "shared", "local", "shared.dyn")


class RandomIR:
    """Builds one random function over a source of choices; keeps what is visible where it builds."""

    def __init__(self, choices: Choices) -> None:
        self.c = choices
        self.vars: list[Var] = []
        self.buffers: list[Buffer] = []
        self.pointers: list[Var] = []
        self.lets = True
        self.calls = True

    @contextmanager
    def scope(self) -> Any:
        """Forget afterwards what becomes visible inside."""
        saved = self.vars[:], self.buffers[:], self.pointers[:]
        try:
            yield
        finally:
            self.vars, self.buffers, self.pointers = saved

    def new_var(self, type_: DType) -> Var:
        return Var(self.c.pick(NAMES), type_)

    def constant(self, type_: DType) -> Expr:
        c = self.c
        if not type_.is_scalar:
            return Broadcast(self.constant(type_.element), type_.lanes)
        if type_.is_float:
            values = (1.0, 0.0, -0.0, 0.1, 1e-7, -2.5, 65504.0, float("inf"), float("nan"), 1.0 / 3)
            return const(c.pick(values), type_)
        if type_.is_bool:
            return const(c.chance(2), BOOL)
        return IntImm(type_, c.pick((1, 0, 3, int(type_.max), int(type_.min))))

    def expr(self, type_: DType, depth: int = 3) -> Expr:
        """A random expression of a type."""
        c = self.c
        if depth == 0 or c.chance(4):
            return self.leaf(type_)
        options = [self.selection, self.load, self.let, self.given, self.leaf]
        if type_.is_bool:
            options += [self.logic, self.comparison, self.comparison]
        else:
            options += [self.arithmetic] * 4 + [self.conversion, self.intrinsic]
        if type_.lanes > 1:
            options += [self.vector] * 2
        return c.pick(options)(type_, depth - 1)

    def leaf(self, type_: DType, depth: int = 0) -> Expr:
        known = [v for v in self.vars if v.dtype == type_]
        return self.c.pick(known) if known and self.c.chance(2) else self.constant(type_)

    def selection(self, type_: DType, depth: int) -> Expr:
        a, b = self.expr(type_, depth), self.expr(type_, depth)
        if self.c.chance(2):
            return Select(self.expr(BOOL.with_lanes(type_.lanes), depth), a, b)
        return Call(type_, op.OPS["if_then_else"], (self.expr(BOOL, depth), a, b))

    def load(self, type_: DType, depth: int) -> Expr:
        fitting = [b for b in self.buffers if b.dtype == type_.element and (type_.is_scalar or b.ndim)]
        if not fitting:
            return self.leaf(type_)
        buffer = self.c.pick(fitting)
        indices = self.indices(buffer, type_.lanes, depth)
        predicate = self.expr(BOOL.with_lanes(type_.lanes), 1) if type_.lanes > 1 and self.c.chance(4) else None
        return BufferLoad(buffer, indices, predicate)

    def indices(self, buffer: Buffer, lanes: int, depth: int) -> tuple[Expr, ...]:
        indices = [self.expr(INT32, min(depth, 2)) for _ in buffer.shape]
        if lanes > 1:
            base = self.expr(INT32, min(depth, 1))
            indices[-1] = self.c.pick(
                (
                    Ramp(base, const(1), lanes),
                    Ramp(base, const(2), lanes),
                    Ramp(base, self.expr(INT32, 1), lanes),
                    Broadcast(base, lanes),
                )
            )
        return tuple(indices)

    def let(self, type_: DType, depth: int) -> Expr:
        var_type = self.c.pick((INT32, type_))
        value = self.expr(var_type, depth)
        if not self.lets:
            return value if value.dtype == type_ else self.leaf(type_)
        var = self.new_var(var_type)
        with self.scope():
            self.vars.append(var)
            return Let(var, value, self.expr(type_, depth))

    def given(self, type_: DType, depth: int) -> Expr:
        """Calls whose type the caller gives."""
        kind = self.c.number(0, 4)
        argument = self.expr(self.c.pick(SCALARS), depth)
        if kind == 0 and type_.lanes == 1:
            return Call(type_, op.OPS["call_extern"], (StringImm(self.c.pick(STRINGS)), argument, self.pointer()))
        if kind == 1:
            return Call(type_, op.OPS["reinterpret"], (self.expr(type_, depth),))
        if kind == 2 and self.calls:
            return Call(type_, GlobalVar("helper"), (argument,))
        if kind == 3:
            return Call(type_, op.OPS["exp"], (self.expr(dtype("float32"), depth),))
        return Call(type_, op.OPS["call_llvm_pure_intrin"], (StringImm("llvm.x"), argument))

    def pointer(self) -> Expr:
        if self.pointers and self.c.chance(2):
            return self.c.pick(self.pointers)
        if self.buffers:
            buffer = self.c.pick(self.buffers)
            if self.c.chance(2):
                return Call(HANDLE, op.OPS["address_of"], (BufferLoad(buffer, self.indices(buffer, 1, 1)),))
            return buffer.data
        return IntImm(HANDLE, 0)

    def logic(self, type_: DType, depth: int) -> Expr:
        a = self.expr(type_, depth)
        return Not(a) if self.c.chance(3) else self.c.pick((And, Or))(a, self.expr(type_, depth))

    def comparison(self, type_: DType, depth: int) -> Expr:
        operands = self.c.pick(SCALARS).with_lanes(type_.lanes)
        classes = COMPARISONS if not operands.is_bool else (EQ, NE)
        return self.c.pick(classes)(self.expr(operands, depth), self.expr(operands, depth))

    def arithmetic(self, type_: DType, depth: int) -> Expr:
        classes = ARITHMETIC if type_.is_integral else (Add, Sub, Mul, Div, Min, Max)
        return self.c.pick(classes)(self.expr(type_, depth), self.expr(type_, depth))

    def conversion(self, type_: DType, depth: int) -> Expr:
        source = self.c.pick([t for t in SCALARS if t != type_.element]).with_lanes(type_.lanes)
        return Cast(type_, self.expr(source, depth))

    def intrinsic(self, type_: DType, depth: int) -> Expr:
        """A call whose type follows from its arguments."""
        if type_.is_integral:
            names = (
                "bitwise_and",
                "bitwise_or",
                "bitwise_xor",
                "shift_left",
                "shift_right",
                "bitwise_not",
                "abs",
                "clz",
            )
        else:
            names = ("exp", "sqrt", "tanh", "pow", "fma", "atan2", "abs")
        row = op.OPS[self.c.pick(names)]
        return Call(type_, row, tuple(self.expr(type_, depth) for _ in range(row.arity or 0)))

    def vector(self, type_: DType, depth: int) -> Expr:
        element, lanes = type_.element, type_.lanes
        kind = self.c.number(0, 2)
        if kind == 0 or (kind == 1 and not element.is_integral):
            return Broadcast(self.expr(element, depth), lanes)
        if kind == 1:
            return Ramp(self.expr(element, depth), self.expr(element, depth), lanes)
        vectors = tuple(self.expr(type_, depth) for _ in range(self.c.number(1, 2)))
        picked = tuple(const(self.c.number(0, lanes * len(vectors) - 1)) for _ in range(lanes))
        return Shuffle(vectors, picked)

    def new_buffer(self, *, data: Var | None = None, symbols: bool = False, extents: bool = False) -> Buffer:
        """A buffer with random details; its strides and offset may define variables, or its `extents` too."""
        c = self.c
        shape: list[Any] = [c.pick((4, 1, 7, 16)) for _ in range(c.number(0, 3))]
        ints = [v for v in self.vars if v.dtype == INT32]
        for i in range(len(shape)):
            if extents and c.chance(4):
                shape[i] = self.new_var(INT32)
                self.vars.append(shape[i])
            elif ints and c.chance(6):
                shape[i] = c.pick((c.pick(ints), c.pick(ints) * 2 + 1))
        strides: tuple[Any, ...] = ()
        offset: Any = 0
        if c.chance(4):
            strides = tuple(c.pick((1, 16, 3)) for _ in shape)
            if symbols and strides and c.chance(2):
                strides = (self.new_var(INT32), *strides[1:])
                self.vars.append(strides[0])
        if c.chance(5):
            offset = c.pick((4, const(2, "int64"), *ints[:1]))
            if symbols and c.chance(2):
                offset = self.new_var(INT32)
                self.vars.append(offset)
        return decl_buffer(
            tuple(shape),
            c.pick(list(SCALARS)),
            c.pick(NAMES),
            data=data,
            strides=strides,
            elem_offset=offset,
            scope=c.pick(SCOPES),
            data_alignment=c.pick((0, 0, 64)),
            offset_factor=c.pick((0, 0, 4)),
            axis_separators=(1,) if len(shape) > 1 and c.chance(6) else (),
        )

    def declare(self, buffer: Buffer) -> Buffer:
        self.buffers.append(buffer)
        return buffer

    def range(self) -> Range:
        c = self.c
        # The text of a range names its beginning twice, and two Lets are never the same expression.
        self.lets = False
        low, other = self.expr(INT32, 2), self.expr(INT32, 1)
        self.lets = True
        if c.chance(2):
            return Range(low, const(1))
        return Range(low, c.pick((const(4), const(0), other, Sub(other, low))))

    def region(self, buffer: Buffer) -> BufferRegion:
        return BufferRegion(buffer, tuple(self.range() for _ in buffer.shape))

    def regions(self) -> tuple[BufferRegion, ...]:
        return tuple(self.region(b) for b in self.c.some(self.buffers, 2))

    def annotation(self, depth: int = 2) -> Any:
        c = self.c
        kind = c.number(0, 10 if depth else 6)
        if kind <= 5:
            return (c.number(-5, 5), c.pick(STRINGS), True, None, c.pick((0.5, float("inf"), -1e30)), const(3))[kind]
        if kind == 6:
            return self.expr(c.pick(SCALARS), 1)
        if kind == 7:
            return self.reducer()
        if kind == 10:
            return PrimFunc((x := self.new_var(INT32),), {}, Evaluate(x + 1), attrs=Attrs({"global_symbol": "inner"}))
        items = [self.annotation(depth - 1) for _ in range(c.number(0, 2))]
        return items if kind == 8 else dict(zip(("k", 'q"'), items, strict=False))

    def annotations(self) -> Attrs:
        return Attrs({key: self.annotation() for key in self.c.some(("pragma", "a.b", 'odd "key"'), 2)})

    def reducer(self) -> CommReducer:
        types = [self.c.pick(SCALARS[:2]) for _ in range(self.c.number(1, 2))]
        lhs, rhs = (tuple(self.new_var(t) for t in types) for _ in range(2))
        with self.scope():
            self.vars += [*lhs, *rhs]
            result = tuple(Add(a, b) if i else self.expr(a.dtype, 2) for i, (a, b) in enumerate(zip(lhs, rhs)))
        return CommReducer(lhs, rhs, result, tuple(self.constant(t) for t in types))

    def body(self, depth: int) -> Stmt:
        """One or several statements in a scope of their own."""
        with self.scope():
            return seq(*(self.stmt(depth) for _ in range(self.c.number(1, 2 if depth > 0 else 1))))

    def stmt(self, depth: int) -> Stmt:
        simple = [self.store, self.store, self.evaluate, self.assertion]
        compound = [self.loop, self.loop, self.branch, self.block, self.block, self.let_stmt, self.allocate]
        compound += [self.declaration, self.attr, self.while_]
        return self.c.pick(simple if depth <= 0 else [*simple, *compound])(depth - 1)

    def store(self, depth: int) -> Stmt:
        if not self.buffers:
            return self.evaluate(depth)
        buffer = self.c.pick(self.buffers)
        lanes = self.c.pick((1, 1, 4)) if buffer.ndim else 1
        value = self.expr(buffer.dtype.with_lanes(lanes))
        predicate = self.expr(BOOL.with_lanes(lanes), 1) if lanes > 1 and self.c.chance(4) else None
        return BufferStore(buffer, value, self.indices(buffer, lanes, 2), predicate)

    def evaluate(self, depth: int) -> Stmt:
        kind = self.c.number(0, 4)
        if kind == 0:
            return Evaluate(const(0))
        if kind == 1:
            return Evaluate(Call(VOID, op.OPS["tvm_storage_sync"], (StringImm("shared"),)))
        if kind == 2 and self.calls:
            return Evaluate(Call(VOID, GlobalVar("helper"), (self.pointer(), self.expr(INT32))))
        if kind == 3:
            return Evaluate(Call(VOID, op.OPS["ret"], (self.expr(INT32, 1),) if self.c.chance(2) else ()))
        return Evaluate(self.expr(self.c.pick(SCALARS)))

    def assertion(self, depth: int) -> Stmt:
        return AssertStmt(self.expr(BOOL, 2), self.c.pick(STRINGS))

    def loop(self, depth: int) -> Stmt:
        c = self.c
        type_ = c.pick((INT32, INT32, INT32, dtype("int64")))
        self.lets = False
        low = const(0, type_) if not c.chance(4) else self.expr(type_, 1)
        extent = c.pick((const(16, type_), const(1, type_), self.expr(type_, 1)))
        self.lets = True
        kind = c.pick((ForKind.SERIAL, ForKind.SERIAL, ForKind.SERIAL, *ForKind))
        thread = c.pick(("threadIdx.x", "blockIdx.y", "vthread.x")) if kind is ForKind.THREAD_BINDING else None
        notes = self.annotations() if c.chance(4) else Attrs()
        var = self.new_var(type_)
        with self.scope():
            self.vars.append(var)
            body = self.loop(depth - 1) if depth > 0 and c.chance(2) else self.body(depth)
        return For(var, low, extent, kind, body, thread, notes)

    def branch(self, depth: int) -> Stmt:
        other = self.body(depth) if self.c.chance(2) else self.branch(depth - 1) if depth > 0 else None
        return IfThenElse(self.expr(BOOL, 2), self.body(depth), other)

    def while_(self, depth: int) -> Stmt:
        return While(self.expr(BOOL, 2), self.body(depth))

    def let_stmt(self, depth: int) -> Stmt:
        with self.scope():
            if self.c.chance(4):
                value = self.pointer()
                typed = isinstance(value, Var)
                var = Var(self.c.pick(NAMES), HANDLE, *([dtype("float32"), "global"] if typed else []))
                self.pointers.append(var)
            else:
                value = self.expr(self.c.pick((*SCALARS, dtype("float32x4"))))
                var = self.new_var(value.dtype)
                self.vars.append(var)
            return LetStmt(var, value, self.body(depth))

    def allocate(self, depth: int) -> Stmt:
        notes = self.annotations() if self.c.chance(4) else Attrs()
        buffer = self.new_buffer()
        with self.scope():
            self.declare(buffer)
            return Allocate(buffer, self.body(depth), notes)

    def declaration(self, depth: int) -> Stmt:
        if not (self.pointers or self.buffers):
            return self.allocate(depth)
        data = self.c.pick([*self.pointers, *(b.data for b in self.buffers)])
        buffer = self.new_buffer(data=data)
        with self.scope():
            self.declare(buffer)
            return DeclBuffer(buffer, self.body(depth))

    def attr(self, depth: int) -> Stmt:
        options: list[Any] = [None, *self.vars[:1], *self.buffers[:1]]
        return AttrStmt(self.c.pick(options), self.c.pick(STRINGS), self.expr(INT32, 1), self.body(depth))

    def block(self, depth: int) -> Stmt:
        c = self.c
        values: list[Expr] = []
        iter_vars: list[IterVar] = []
        loop_vars = [v for v in self.vars if v.dtype == INT32]
        for _ in range(c.number(0, 3)):
            value = c.pick([*loop_vars, *loop_vars, self.expr(INT32, 1)])
            dom = Range(const(0) if not c.chance(5) else const(2), c.pick((const(16), const(4))))
            iter_vars.append(IterVar(dom, self.new_var(INT32), c.pick((IterType.SPATIAL, *IterType))))
            values.append(value)
        predicate = TRUE if not c.chance(3) else self.expr(BOOL, 2)
        with self.scope():
            if iter_vars:
                # Inside, only the iterators speak: loops and what depends on them stay out.
                self.vars = []
            self.vars += [iv.var for iv in iter_vars]
            reads, writes = self.regions(), self.regions()
            notes = self.annotations() if c.chance(3) else Attrs()
            allocated = tuple(self.declare(self.new_buffer()) for _ in range(c.number(0, 2) if c.chance(3) else 0))
            matched = []
            if self.buffers and c.chance(3):
                source = self.region(c.pick(self.buffers))
                matched.append(MatchBufferRegion(self.declare(self.new_buffer(symbols=True)), source))
            init = None
            if any(iv.iter_type is IterType.REDUCE for iv in iter_vars) and c.chance(2):
                init = self.body(0)
            body = self.body(depth)
        name = c.pick(("C", "D", "root", "", "odd name"))
        return BlockRealize(
            tuple(values),
            predicate,
            Block(tuple(iter_vars), reads, writes, name, body, init, allocated, tuple(matched), notes),
        )

    def function(self, name: str | None = "main") -> PrimFunc:
        """A function; block programs get a root block, as every program of blocks has."""
        c = self.c
        params: list[Var] = []
        buffer_map: dict[Var, Buffer] = {}
        with self.scope():
            self.vars, self.buffers, self.pointers = [], [], []
            for _ in range(c.number(0, 4)):
                kind = c.number(0, 3)
                if kind == 0:
                    params.append(self.new_var(c.pick(SCALARS)))
                    self.vars.append(params[-1])
                elif kind == 1:
                    typed = (c.pick(SCALARS), c.pick(SCOPES)) if c.chance(2) else ()
                    params.append(Var(c.pick(NAMES), HANDLE, *typed))
                    self.pointers.append(params[-1])
                else:
                    params.append(Var(c.pick(NAMES), HANDLE))
                    buffer_map[params[-1]] = self.declare(self.new_buffer(symbols=True, extents=True))
                    if c.chance(6):
                        self.pointers.append(params[-1])
            body = self.body(2)
            if _has_block(body):
                root = c.pick(("root", "root", "other"))
                notes = self.annotations() if c.chance(4) else Attrs()
                allocated = (self.new_buffer(),) if c.chance(3) else ()
                body = BlockRealize((), TRUE, Block((), (), (), root, body, None, allocated, (), notes))
            attrs = {"global_symbol": name} if name is not None else {}
            if c.chance(3):
                attrs |= {"tir.noalias": True, "k": self.annotation(1) if not params else 1}
            result = VOID if not c.chance(4) else INT32
        return PrimFunc(tuple(params), buffer_map, body, result, Attrs(attrs))

    def module(self) -> IRModule:
        """A module of several functions."""
        names = self.c.some(("main", "helper", "other"), 3)
        self.calls = "helper" in names
        functions = {n: self.function(self.c.pick((n, n, None, "elsewhere"))) for n in names}
        return IRModule(functions, Attrs({"k": 1}) if self.c.chance(3) else Attrs())


def _has_block(body: Stmt) -> bool:
    from tensorir.tir.visit import walk

    return any(isinstance(n, BlockRealize) for n in walk(body))


def random_function(choices: Choices) -> PrimFunc:
    """A random function of all node kinds."""
    return RandomIR(choices).function()


def random_module(choices: Choices) -> IRModule:
    """A random module of all node kinds."""
    return RandomIR(choices).module()
