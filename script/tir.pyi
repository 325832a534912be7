"""`T`: the words of the script language, for editors and type checkers."""

import builtins
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..tir.buffer import Buffer as BufferNode
from ..tir.expr import CommReducer, Expr, Var
from .lang.blocks import _Axes
from .lang.buffers import _BufferConstruct
from .lang.construct import Argument, Constant, Extent, Index, Shape, Type, Value
from .lang.types import HandleType, TypeName

TABLE: dict[str, Any]
axis: _Axes
Buffer: _BufferConstruct
handle: HandleType
bf16: TypeName
f16: TypeName
f32: TypeName
f64: TypeName
i8: TypeName
i16: TypeName
i32: TypeName
i64: TypeName
u8: TypeName
u16: TypeName
u32: TypeName
u64: TypeName
float16: TypeName
float32: TypeName
float64: TypeName
bfloat16: TypeName
float8_e3m4: TypeName
float8_e4m3: TypeName
float8_e4m3b11fnuz: TypeName
float8_e4m3fn: TypeName
float8_e4m3fnuz: TypeName
float8_e5m2: TypeName
float8_e5m2fnuz: TypeName
int4: TypeName
int8: TypeName
int16: TypeName
int32: TypeName
int64: TypeName
uint4: TypeName
uint8: TypeName
uint16: TypeName
uint32: TypeName
uint64: TypeName
bool: TypeName
float16x2: TypeName
float16x4: TypeName
float16x8: TypeName
float16x16: TypeName
float16x32: TypeName
float16x64: TypeName
float32x2: TypeName
float32x4: TypeName
float32x8: TypeName
float32x16: TypeName
float32x32: TypeName
float32x64: TypeName
float64x2: TypeName
float64x4: TypeName
float64x8: TypeName
float64x16: TypeName
float64x32: TypeName
float64x64: TypeName
bfloat16x2: TypeName
bfloat16x4: TypeName
bfloat16x8: TypeName
bfloat16x16: TypeName
bfloat16x32: TypeName
bfloat16x64: TypeName
float8_e3m4x2: TypeName
float8_e3m4x4: TypeName
float8_e3m4x8: TypeName
float8_e3m4x16: TypeName
float8_e3m4x32: TypeName
float8_e3m4x64: TypeName
float8_e4m3x2: TypeName
float8_e4m3x4: TypeName
float8_e4m3x8: TypeName
float8_e4m3x16: TypeName
float8_e4m3x32: TypeName
float8_e4m3x64: TypeName
float8_e4m3b11fnuzx2: TypeName
float8_e4m3b11fnuzx4: TypeName
float8_e4m3b11fnuzx8: TypeName
float8_e4m3b11fnuzx16: TypeName
float8_e4m3b11fnuzx32: TypeName
float8_e4m3b11fnuzx64: TypeName
float8_e4m3fnx2: TypeName
float8_e4m3fnx4: TypeName
float8_e4m3fnx8: TypeName
float8_e4m3fnx16: TypeName
float8_e4m3fnx32: TypeName
float8_e4m3fnx64: TypeName
float8_e4m3fnuzx2: TypeName
float8_e4m3fnuzx4: TypeName
float8_e4m3fnuzx8: TypeName
float8_e4m3fnuzx16: TypeName
float8_e4m3fnuzx32: TypeName
float8_e4m3fnuzx64: TypeName
float8_e5m2x2: TypeName
float8_e5m2x4: TypeName
float8_e5m2x8: TypeName
float8_e5m2x16: TypeName
float8_e5m2x32: TypeName
float8_e5m2x64: TypeName
float8_e5m2fnuzx2: TypeName
float8_e5m2fnuzx4: TypeName
float8_e5m2fnuzx8: TypeName
float8_e5m2fnuzx16: TypeName
float8_e5m2fnuzx32: TypeName
float8_e5m2fnuzx64: TypeName
int4x2: TypeName
int4x4: TypeName
int4x8: TypeName
int4x16: TypeName
int4x32: TypeName
int4x64: TypeName
int8x2: TypeName
int8x4: TypeName
int8x8: TypeName
int8x16: TypeName
int8x32: TypeName
int8x64: TypeName
int16x2: TypeName
int16x4: TypeName
int16x8: TypeName
int16x16: TypeName
int16x32: TypeName
int16x64: TypeName
int32x2: TypeName
int32x4: TypeName
int32x8: TypeName
int32x16: TypeName
int32x32: TypeName
int32x64: TypeName
int64x2: TypeName
int64x4: TypeName
int64x8: TypeName
int64x16: TypeName
int64x32: TypeName
int64x64: TypeName
uint4x2: TypeName
uint4x4: TypeName
uint4x8: TypeName
uint4x16: TypeName
uint4x32: TypeName
uint4x64: TypeName
uint8x2: TypeName
uint8x4: TypeName
uint8x8: TypeName
uint8x16: TypeName
uint8x32: TypeName
uint8x64: TypeName
uint16x2: TypeName
uint16x4: TypeName
uint16x8: TypeName
uint16x16: TypeName
uint16x32: TypeName
uint16x64: TypeName
uint32x2: TypeName
uint32x4: TypeName
uint32x8: TypeName
uint32x16: TypeName
uint32x32: TypeName
uint32x64: TypeName
uint64x2: TypeName
uint64x4: TypeName
uint64x8: TypeName
uint64x16: TypeName
uint64x32: TypeName
uint64x64: TypeName
boolx2: TypeName
boolx4: TypeName
boolx8: TypeName
boolx16: TypeName
boolx32: TypeName
boolx64: TypeName

def Add(a: Value, b: Value) -> Expr:
    """`a + b`, also where both are constants."""

def And(a: Value, b: Value) -> Expr:
    """`a and b`."""

def Assert(condition: Value, message: str = "assertion failed") -> None:
    """Stops the program with `message` unless `condition` holds; also written `assert condition, "message"`.

    >>> T.Assert(n > 0, "n is positive")
    >>> assert n < 16, "n is less than 16"
    """

def Broadcast(value: Value, lanes: Constant) -> Expr:
    """The vector of `lanes` copies of `value`.

    >>> A[0, 0:4] = T.Broadcast(A[1, 0], 4)
    """

def Cast(dtype: Type, value: Value) -> Expr:
    """`value` converted to `dtype`. A float goes to an integer by truncation.

    >>> A[0, 0] = T.Cast("float32", B[0])
    """

def Div(a: Value, b: Value) -> Expr:
    """The quotient of floats, the truncated quotient of integers."""

def EQ(a: Value, b: Value) -> Expr:
    """`a == b`."""

def FloatImm(dtype: Type, value: Any) -> Expr:
    """A floating-point constant; `T.float32(1)` is the usual spelling.

    >>> A[0, 0] = T.FloatImm("float32", 0.5)
    """

def FloorDiv(a: Value, b: Value) -> Expr:
    """`a // b`: the quotient rounded down."""

def FloorMod(a: Value, b: Value) -> Expr:
    """`a % b`: the remainder of `//`."""

def GE(a: Value, b: Value) -> Expr:
    """`a >= b`."""

def GT(a: Value, b: Value) -> Expr:
    """`a > b`."""

def IntImm(dtype: Type, value: Constant) -> Expr:
    """An integer (or bool, or null pointer) constant; `T.int64(1)` is the usual spelling.

    >>> B[0] = T.IntImm("int32", 5)
    """

def LE(a: Value, b: Value) -> Expr:
    """`a <= b`."""

def LT(a: Value, b: Value) -> Expr:
    """`a < b`."""

def Let(body: Value, where: Mapping[Any, Any]) -> Expr:
    """`body` in which the variables of `where` stand for their values: `T.Let(x * x, where={x: A[i]})`.

    >>> B[0] = T.Let(x * x, where={x: n + 1})
    """

def LetStmt(value: Value, type_annotation: Any = None, var: Var | None = None) -> Any:
    """`with T.LetStmt(value) as x:` binds `x` for its suite; `type_annotation` says what a pointer points to.

    >>> with T.LetStmt(n * 2) as x:
    ...     B[0] = x * x
    """

def Max(a: Value, b: Value) -> Expr:
    """The greater value."""

def Min(a: Value, b: Value) -> Expr:
    """The lesser value."""

def Mod(a: Value, b: Value) -> Expr:
    """The remainder of `T.Div` of integers: it has the sign of `a`."""

def Mul(a: Value, b: Value) -> Expr:
    """`a * b`, also where both are constants."""

def NE(a: Value, b: Value) -> Expr:
    """`a != b`."""

def Not(a: Value) -> Expr:
    """`not a`.

    >>> B[0] = T.Select(T.Not(n > 0), 1, 2)
    """

def Or(a: Value, b: Value) -> Expr:
    """`a or b`."""

def Ptr(dtype: Any, scope: str | None = None) -> Expr:
    """A pointer to elements of `dtype` in the memory `scope`; the older name of `T.handle(dtype, scope)`.

    >>> @T.prim_func
    ... def f(p: T.Ptr("float32", "global")):
    ...     A = T.decl_buffer((16,), "float32", data=p)
    ...     A[0] = 1
    """

def Ramp(base: Index, stride: Index, lanes: Constant) -> Expr:
    """The vector `base, base + stride, ..., base + (lanes - 1) * stride`.

    >>> A[0, T.Ramp(n, 2, 4)] = A[1, T.Ramp(0, 1, 4)]
    """

def Select(condition: Value, true_value: Value, false_value: Value) -> Expr:
    """`true_value` where `condition` holds, else `false_value`. Both are evaluated, so neither may be out of bounds.

    >>> B[0] = T.Select(n > 0, n, -n)
    """

def Shuffle(vectors: Sequence[Value], indices: Sequence[Value]) -> Expr:
    """The lanes of the concatenated `vectors` picked by the constant `indices`.

    >>> B[0:2] = T.Shuffle([B[0:4], B[4:8]], [0, 7])
    """

def StringImm(value: str) -> Expr:
    """A string constant; a bare string in a call is the same.

    >>> T.evaluate(T.call_extern("int32", T.StringImm("f"), B.data))
    """

def Sub(a: Value, b: Value) -> Expr:
    """`a - b`, also where both are constants."""

def abs(x: Argument, /) -> Expr:
    """The absolute value; the least integer of a signed type is its own."""

def acos(x: Argument, /) -> Expr:
    """Arc cosine, in radians."""

def acosh(x: Argument, /) -> Expr:
    """Inverse hyperbolic cosine."""

def address_of(x: Argument, /) -> Expr:
    """The address of the element that a load names."""

def alloc_buffer(
    shape: Shape,
    dtype: Type = "float32",
    data: Any = None,
    strides: Shape | None = None,
    elem_offset: Any = None,
    scope: str = "global",
    align: Constant = 0,
    offset_factor: Constant = 0,
    buffer_type: str = "",
    axis_separators: Sequence[Any] | None = None,
) -> BufferNode:
    """A buffer with memory of its own that lives as long as an instance of the enclosing block; uninitialised.

    At the top of a function it belongs to the root block.

    >>> C = T.alloc_buffer((16, n), "float32", scope="shared")
    >>> C[0, 0] = A[0, 0]
    """

def alloc_local(shape: Shape, dtype: Type = "float32", annotations: dict[str, Any] | None = None) -> Any:
    """`T.allocate` in the memory of a thread: registers.

    >>> C = T.alloc_local((16,), "float32")
    >>> C[0] = A[0, 0]
    """

def alloc_shared(shape: Shape, dtype: Type = "float32", annotations: dict[str, Any] | None = None) -> Any:
    """`T.allocate` in the memory that the threads of a block share.

    >>> C = T.alloc_shared((16,), "float32")
    >>> C[0] = A[0, 0]
    """

def allocate(
    shape: Shape,
    dtype: Type = "float32",
    scope: str = "global",
    condition: Any = None,
    annotations: dict[str, Any] | None = None,
    strides: Shape | None = None,
    elem_offset: Any = None,
    align: Constant = 0,
    offset_factor: Constant = 0,
    axis_separators: Sequence[Any] | None = None,
) -> Any:
    """A statement that allocates memory for the rest of the suite; the result is the buffer.

    Programs of blocks use T.alloc_buffer; this is what it is lowered to. `with T.allocate(...) as A:` is accepted.

    >>> C = T.allocate((16,), "float32", "local")
    >>> C[0] = A[0, 0]
    """

def asin(x: Argument, /) -> Expr:
    """Arc sine, in radians."""

def asinh(x: Argument, /) -> Expr:
    """Inverse hyperbolic sine."""

def assume(x: Argument, /) -> Expr:
    """States a fact, for passes; checked by the interpreter and in sanitized modules."""

def atan(x: Argument, /) -> Expr:
    """Arc tangent, in radians."""

def atan2(x: Argument, y: Argument, /) -> Expr:
    """The angle of the point (x=second, y=first), in radians."""

def atanh(x: Argument, /) -> Expr:
    """Inverse hyperbolic tangent."""

def atomic_add(x: Argument, y: Argument, /) -> Expr:
    """Adds to the element a load names and gives its former value, in one step."""

def attr(node: Any, key: str | None = None, value: Any = None) -> Any:
    """Says `key` = `value` of `node` (a variable, a buffer or None) for a suite: `with T.attr(None, "k", 1):`.

    `T.attr({"k": 1})` is short for `T.attr(None, "k", 1)`.

    >>> with T.attr(B, "note", 1):
    ...     B[0] = 1
    """

def bind(axis: Value, value: Value | None = None) -> Any:
    """Bind an axis named after `as` to its value: `T.bind(vi, i)`. Of one argument `x = T.bind(value)` is `T.let`.

    >>> with T.block([16], "B") as [vi]:
    ...     T.bind(vi, n)
    ...     B[vi] = 1
    """

def bitwise_and(x: Argument, y: Argument, /) -> Expr:
    """Bit by bit and."""

def bitwise_not(x: Argument, /) -> Expr:
    """Every bit flipped."""

def bitwise_or(x: Argument, y: Argument, /) -> Expr:
    """Bit by bit or."""

def bitwise_xor(x: Argument, y: Argument, /) -> Expr:
    """Bit by bit exclusive or."""

def block(name: Any = "", name_hint: str = "", no_realize: builtins.bool = False) -> Any:
    """A block: a unit of computation over its own axes: `with T.block("C"):`.

    Inside come its axes (T.axis...), then T.where, T.reads, T.writes, T.block_attr, allocations and views, T.init,
    and its statements. Reads and writes that are not written are found from the statements. The form of the first
    TensorIR tutorials, `with T.block([128, T.reduce_axis(0, 128)], "C") as [vi, vk]:`, is accepted, too.

    >>> for i in range(16):
    ...     with T.block("B"):
    ...         vi = T.axis.spatial(16, i)
    ...         B[vi] = B[vi] + 1
    """

def block_attr(attributes: dict[str, Any]) -> None:
    """Annotations of the block: `T.block_attr({"pragma": 1})`.

    >>> with T.block("B"):
    ...     T.block_attr({"note": "text", "numbers": [1, 2]})
    ...     B[0] = 1
    """

def break_loop() -> Expr:
    """Leaves the innermost loop."""

def broadcast(value: Value, lanes: Constant) -> Expr:
    """The vector of `lanes` copies of `value`.

    >>> A[0, 0:4] = T.Broadcast(A[1, 0], 4)
    """

def call_extern(dtype: Type, /, *args: Argument) -> Expr:
    """Calls the C function named first."""

def call_function(dtype: Type, name: str, *args: Argument) -> Expr:
    """A call of the module's function `name`, whose result has the type `dtype`.

    >>> @I.ir_module
    ... class Module:
    ...     @T.prim_func
    ...     def main(B: T.Buffer((16,), "int32")):
    ...         B[0] = T.call_function("int32", "twice", B[1])
    ...
    ...     @T.prim_func
    ...     def twice(x: T.int32) -> T.int32:
    ...         return x * 2
    """

def call_intrin(dtype: Type, name: str, *args: Argument) -> Expr:
    """The intrinsic `name` on exactly these operands, its result of the type `dtype`, whatever is usual for it.

    >>> A[0, 0] = T.call_intrin("float32", "exp", A[0, 1])
    """

def call_llvm_intrin(dtype: Type, /, *args: Argument) -> Expr:
    """Calls the LLVM intrinsic named first."""

def call_llvm_pure_intrin(dtype: Type, /, *args: Argument) -> Expr:
    """Calls the LLVM intrinsic named first; it has no effects."""

def call_packed(dtype: Type, /, *args: Argument) -> Expr:
    """Calls a registered Python function by name."""

def call_pure_extern(dtype: Type, /, *args: Argument) -> Expr:
    """Calls the C function named first; it has no effects."""

def cast(value: Value, dtype: Type) -> Expr:
    """`value` converted to `dtype`; the argument order of TVM's `T.cast`. A constant is converted at once.

    >>> A[0, 0] = T.cast(B[0], "float32")
    """

def ceil(x: Argument, /) -> Expr:
    """The least integer not below x."""

def ceildiv(a: Value, b: Value) -> Expr:
    """The quotient of integers rounded up.

    >>> B[0] = T.ceildiv(n, 4)
    """

def clz(x: Argument, /) -> Expr:
    """The number of leading zero bits; all of them at 0."""

def comm_reducer(combine: Callable[..., Any], identity: Any) -> CommReducer:
    """A commutative, associative way to combine values: `T.comm_reducer(lambda x, y: x + y, [T.float32(0)])`.

    For tuples of n values the function takes 2n arguments, those of the left tuple first, and returns a tuple of n.

    >>> total = T.comm_reducer(lambda x, y: x + y, [T.float32(0)])
    >>> for i in T.serial(16, annotations={"reducer": total}):
    ...     B[i] = i
    """

def continue_loop() -> Expr:
    """Goes on with the innermost loop's next iteration."""

def copysign(x: Argument, y: Argument, /) -> Expr:
    """The magnitude of x with the sign of y."""

def cos(x: Argument, /) -> Expr:
    """Cosine of x radians."""

def cosh(x: Argument, /) -> Expr:
    """Hyperbolic cosine."""

def decl_buffer(
    shape: Shape,
    dtype: Type = "float32",
    data: Any = None,
    strides: Shape | None = None,
    elem_offset: Any = None,
    scope: str = "",
    align: Constant = 0,
    offset_factor: Constant = 0,
    buffer_type: str = "",
    axis_separators: Sequence[Any] | None = None,
) -> Any:
    """A view, for the rest of the suite, of the memory that `data` points to: `B = T.decl_buffer((64,), data=A.data)`.

    Without `data` the memory is allocated with it.

    >>> flat = T.decl_buffer((256,), "float32", data=A.data)
    >>> flat[n] = 1
    """

def dp4a(vec1: Argument, vec2: Argument, acc: Argument = 0, *typed: Argument) -> Expr:
    """`acc` plus the dot product of two vectors of four 8-bit integers, signed or not: int32, wrapping.

    `T.dp4a("int32", vec1, vec2, acc)`, as Apache TVM prints it, is the same.

    >>> X = T.alloc_buffer((16,), "int8")
    ... B[0] = T.dp4a(X[0:4], X[4:8], B[0])
    """

def erf(x: Argument, /) -> Expr:
    """The error function."""

def evaluate(value: Any) -> None:
    """Evaluates an expression for its effect: `T.evaluate(T.call_extern("int32", "f"))`.

    >>> T.evaluate(T.call_extern("int32", "f", B.data))
    """

def exp(x: Argument, /) -> Expr:
    """e to the power x."""

def exp10(x: Argument, /) -> Expr:
    """10 to the power x."""

def exp2(x: Argument, /) -> Expr:
    """2 to the power x."""

def expm1(x: Argument, /) -> Expr:
    """exp(x) - 1, exact near 0."""

def fabs(x: Argument, /) -> Expr:
    """The absolute value; the least integer of a signed type is its own."""

def floor(x: Argument, /) -> Expr:
    """The greatest integer not above x."""

def floordiv(a: Value, b: Value) -> Expr:
    """The quotient rounded down."""

def floormod(a: Value, b: Value) -> Expr:
    """The remainder of `T.floordiv`."""

def fma(x: Argument, y: Argument, z: Argument, /) -> Expr:
    """x * y + z with one rounding."""

def fmod(x: Argument, y: Argument, /) -> Expr:
    """The remainder of x / y with the sign of x."""

def func_attr(attributes: dict[str, Any]) -> None:
    """Attributes of the function: `T.func_attr({"global_symbol": "main", "tir.noalias": True})`.

    >>> T.func_attr({"tir.noalias": True})
    >>> B[0] = 1
    """

def grid(*extents: Extent) -> Any:
    """Nested serial loops: `for i, j in T.grid(128, n):`, each from 0, or from `begin` where it is (begin, extent).

    >>> for i, j in T.grid(16, n):
    ...     A[i, j] = 1
    """

def hypot(x: Argument, y: Argument, /) -> Expr:
    """sqrt(x*x + y*y) without overflow on the way."""

def if_then_else(condition: Value, true_value: Value, false_value: Value, dtype: Type | None = None) -> Expr:
    """`true_value` where `condition` holds, else `false_value`; only the one chosen is evaluated.

    >>> B[0] = T.if_then_else(n < 16, B[n], 0)
    """

def infinity(dtype: Type) -> Expr:
    """Positive infinity of the floating-point type `dtype`, as a constant.

    >>> A[0, 0] = T.infinity("float32")
    """

def init() -> Any:
    """What a reducing block does before the first update of an element: `with T.init(): C[vi] = T.float32(0)`.

    >>> for k in range(16):
    ...     with T.block("B"):
    ...         vk = T.axis.reduce(16, k)
    ...         with T.init():
    ...             B[0] = 0
    ...         B[0] = B[0] + vk
    """

def isfinite(x: Argument, /) -> Expr:
    """Whether x is neither NaN nor an infinity."""

def isinf(x: Argument, /) -> Expr:
    """Whether x is an infinity."""

def isnan(x: Argument, /) -> Expr:
    """Whether x is NaN."""

def isnullptr(x: Argument, /) -> Expr:
    """Whether a pointer is null."""

def lane_load_matrix(*args: Argument) -> Expr:
    """Loads an operand into registers of a warp's lanes: (registers, m, n, k, offset, pointer, stride, layout, operand, whether memory holds all lanes' registers)."""

def lane_mma(*args: Argument) -> Expr:
    """C += A @ B of matrices in registers of a warp's lanes: (c, offset, a, offset, b, offset, m, n, k, whether memory holds all lanes' registers)."""

def launch_thread(thread: str, extent: Index) -> Any:
    """The older form of a loop bound to a thread axis: `with T.launch_thread("blockIdx.x", 128) as bx:`.

    >>> with T.launch_thread("threadIdx.x", 16) as tx:
    ...     B[tx] = tx
    """

def ldexp(x: Value, n: Value) -> Expr:
    """`x` times 2 to the power `n`, rounded once; `n` is of the type int32.

    >>> A[0, 0] = T.ldexp(A[0, 1], B[0])
    """

def let(value: Value, bound: Value | None = None) -> Any:
    """`x = T.let(value)`: the same as `x = value`. `with T.let(x, value):` binds a variable declared before.

    >>> x = T.let(n * 2)
    >>> B[0] = x * x
    """

def likely(x: Argument, /) -> Expr:
    """The condition itself, known to hold nearly always."""

def log(x: Argument, /) -> Expr:
    """The natural logarithm; -inf at 0, NaN below."""

def log10(x: Argument, /) -> Expr:
    """The logarithm to base 10."""

def log1p(x: Argument, /) -> Expr:
    """log(1 + x), exact near 0."""

def log2(x: Argument, /) -> Expr:
    """The logarithm to base 2."""

def macro(func: Callable[..., Any] | None = None, *, hygienic: builtins.bool = True) -> Any:
    """Make the function below a piece of program that is put in place wherever a program calls it: `@T.macro`.

    A hygienic macro sees the names around its definition; one with `hygienic=False` sees those where it is called.

    >>> @T.macro
    ... def clear(buffer, extent):
    ...     for i in range(extent):
    ...         buffer[i] = 0
    ...
    >>> @T.prim_func
    ... def f(A: T.Buffer((16,)), B: T.Buffer((4,), "int32")):
    ...     clear(A, 16)
    ...     clear(B, 4)
    """

def match_buffer(
    param: Any,
    shape: Shape | None = None,
    dtype: Type | None = None,
    data: Any = None,
    strides: Shape | None = None,
    elem_offset: Any = None,
    scope: str = "",
    align: Constant = 0,
    offset_factor: Constant = 0,
    buffer_type: str = "",
    axis_separators: Sequence[Any] | None = None,
) -> BufferNode:
    """The buffer that a handle parameter points to, or, in a block, a view of a region of a buffer.

    `A = T.match_buffer(a, (n, 128), "float32")` may name new symbolic extents; they are found from the argument's
    shape when the function is called. `B = T.match_buffer(A[i:i + 4, 0:4], (4, 4))` gives a block a name for the
    region; name `strides` and `elem_offset` to speak of its layout.

    >>> @T.prim_func
    ... def f(a: T.handle):
    ...     A = T.match_buffer(a, (n, 16), "float32", strides=[s, 1])
    ...     with T.block("view"):
    ...         T.reads()
    ...         T.writes(A[0:4, 0:4])
    ...         V = T.match_buffer(A[0:4, 0:4], (4, 4), "float32", strides=[t, 1], offset_factor=4)
    ...         V[0, 0] = T.float32(t)
    """

def max(a: Value, b: Value) -> Expr:
    """The greater value; NaN if either is."""

def max_value(dtype: Type) -> Expr:
    """The greatest finite value of `dtype`, as a constant.

    >>> A[0, 0] = T.max_value("float32")
    """

def meta_var(value: Any) -> Any:
    """A name for an expression itself: `x = T.meta_var(i * 4)` puts `i * 4` wherever `x` stands, with no variable.

    >>> x = T.meta_var(n * 2)
    >>> B[x] = x
    """

def min(a: Value, b: Value) -> Expr:
    """The lesser value; NaN if either is."""

def min_value(dtype: Type) -> Expr:
    """The least finite value of `dtype`, as a constant.

    >>> B[0] = T.min_value("int32")
    """

def mulhi(x: Argument, y: Argument, /) -> Expr:
    """The upper half of the double-width product."""

def nearbyint(x: Argument, /) -> Expr:
    """The nearest integer, halves to even."""

def nextafter(x: Argument, y: Argument, /) -> Expr:
    """The next number of the type after x towards y."""

def parallel(
    start: Index,
    stop: Index | None = None,
    *,
    annotations: dict[str, Any] | None = None,
    step: Constant | None = None,
    **pragmas: Any,
) -> Any:
    """A loop whose iterations run on the CPU's threads.

    >>> for i in T.parallel(16):
    ...     B[i] = i
    """

def popcount(x: Argument, /) -> Expr:
    """The number of bits set."""

def pow(x: Argument, y: Argument, /) -> Expr:
    """x to the power y; of integers wrapping, and truncated for a negative power."""

def prefetch(*args: Argument) -> Expr:
    """Asks for the memory of the element a load names: (load, rw, locality)."""

def prim_func(
    func: Callable[..., Any] | None = None,
    private: builtins.bool = False,
    check_well_formed: builtins.bool = True,
    s_tir: builtins.bool = False,
    tirp: builtins.bool = False,
) -> Any:
    """Make the function below a program: `@T.prim_func`.

    Its text is parsed, never run. It may use the Python values around it: numbers, tuples, types, buffers, macros,
    other functions. Parameters are annotated with T.Buffer(...), T.handle or a scalar type.

    Parameters
    ----------
    private: the function gets no "global_symbol", so only its module can call it.
    check_well_formed: verify the program.
    s_tir: accepted, since Apache TVM asks for it; without effect.

    Raises
    ------
    ScriptError: the function is no valid program.

    >>> @T.prim_func(private=True)
    ... def scale(A: T.Buffer((16,), "float32"), k: T.float32):
    ...     for i in range(16):
    ...         A[i] = A[i] * k
    """

def ptx_arrive_barrier_expect_tx(x: Argument, y: Argument, /) -> Expr:
    """Arrives at a barrier and announces so many bytes: (pointer, n)."""

def ptx_commit_group() -> Expr:
    """Makes a group of the copies that the thread has begun since the last one."""

def ptx_cp_async(*args: Argument) -> Expr:
    """Begins a copy of so many bytes from the second to the first pointer: (to, from, n); of zeros where a condition that may follow does not hold."""

def ptx_cp_async_bulk_tensor(*args: Argument) -> Expr:
    """Begins a copy of a box of a matrix: (to, data, barrier, rows, columns, box rows, box columns, row, column)."""

def ptx_init_barrier_thread_count(x: Argument, y: Argument, /) -> Expr:
    """Makes a barrier in shared memory for so many threads: (pointer, n)."""

def ptx_wait_barrier(x: Argument, y: Argument, /) -> Expr:
    """Waits for the phase of a barrier that has this parity to end: (pointer, parity)."""

def ptx_wait_group(x: Argument, /) -> Expr:
    """Waits until at most so many of the thread's groups of copies are under way."""

def ptx_wgmma_commit_group() -> Expr:
    """Makes a group of the products begun since the last one."""

def ptx_wgmma_fence() -> Expr:
    """Lets products that follow see the registers that they add to."""

def ptx_wgmma_mma_async(*args: Argument) -> Expr:
    """C += A @ B.T by four warps: (fragment, m, n, k, index, pointer a, pointer b, whether waited for later)."""

def ptx_wgmma_wait_group(x: Argument, /) -> Expr:
    """Waits until at most so many groups of products are under way."""

def q_multiply_shift(x: Value, y: Value, q: Value, s: Value) -> Expr:
    """The product of two fixed-point numbers, `x * y * 2**(s - q)` with halves rounded up: int32, in 64-bit arithmetic.

    `q`, a constant, is the number of fractional bits; `s` > 0 shifts `x` to the left before, `s` < 0 the product to the
    right. What overflows wraps. (`s` counts to the left, as what Apache TVM compiles does and its docstring does not.)

    >>> B[0] = T.q_multiply_shift(B[1], 1395864371, 31, -3)
    """

def q_multiply_shift_per_axis(
    x: Value, y: Value, ls: Value, rs: Value, q: Value, is_lshift_required: Value, is_rshift_required: Value
) -> Expr:
    """`T.q_multiply_shift` with `x` shifted by `ls` bits to the left and the product by `rs` more to the right.

    The constants `is_lshift_required` and `is_rshift_required` tell which of the two shifts there are.

    >>> B[0] = T.q_multiply_shift_per_axis(B[1], B[2], 0, B[3], 31, False, True)
    """

def ramp(base: Index, stride: Index, lanes: Constant) -> Expr:
    """The vector `base, base + stride, ..., base + (lanes - 1) * stride`.

    >>> A[0, T.Ramp(n, 2, 4)] = A[1, T.Ramp(0, 1, 4)]
    """

def reads(*regions: Any) -> None:
    """The regions an instance of the block reads: `T.reads(A[vi, vk], B[vk, 0:4])`; `T.reads()` reads nothing.

    >>> with T.block("B"):
    ...     T.reads(A[0, 0:4], B[n])
    ...     T.evaluate(T.call_extern("int32", "f", A.data, B.data))
    """

def reduce_axis(begin: Any, end: Any = None) -> Any:
    """A reducing axis in a block's list of axes: `T.block([128, T.reduce_axis(0, 128)], "C")`.

    >>> with T.block([16, T.reduce_axis(0, 16)], "B") as [vi, vk]:
    ...     T.bind(vi, n)
    ...     T.bind(vk, 0)
    ...     B[vi] = B[vi] + vk
    """

def reinterpret(dtype: Type, x: Argument, /) -> Expr:
    """The bits of x read as another type of the same width."""

def ret(*args: Argument) -> Expr:
    """Returns from the function."""

def round(x: Argument, /) -> Expr:
    """The nearest integer, halves away from zero."""

def rsqrt(x: Argument, /) -> Expr:
    """1 / sqrt(x)."""

def sblock(name: Any = "", name_hint: str = "", no_realize: builtins.bool = False) -> Any:
    """A block: a unit of computation over its own axes: `with T.block("C"):`.

    Inside come its axes (T.axis...), then T.where, T.reads, T.writes, T.block_attr, allocations and views, T.init,
    and its statements. Reads and writes that are not written are found from the statements. The form of the first
    TensorIR tutorials, `with T.block([128, T.reduce_axis(0, 128)], "C") as [vi, vk]:`, is accepted, too.

    >>> for i in range(16):
    ...     with T.block("B"):
    ...         vi = T.axis.spatial(16, i)
    ...         B[vi] = B[vi] + 1
    """

def sblock_alloc_buffer(
    shape: Shape,
    dtype: Type = "float32",
    data: Any = None,
    strides: Shape | None = None,
    elem_offset: Any = None,
    scope: str = "global",
    align: Constant = 0,
    offset_factor: Constant = 0,
    buffer_type: str = "",
    axis_separators: Sequence[Any] | None = None,
) -> BufferNode:
    """A buffer with memory of its own that lives as long as an instance of the enclosing block; uninitialised.

    At the top of a function it belongs to the root block.

    >>> C = T.alloc_buffer((16, n), "float32", scope="shared")
    >>> C[0, 0] = A[0, 0]
    """

def sblock_attr(attributes: dict[str, Any]) -> None:
    """Annotations of the block: `T.block_attr({"pragma": 1})`.

    >>> with T.block("B"):
    ...     T.block_attr({"note": "text", "numbers": [1, 2]})
    ...     B[0] = 1
    """

def scan_axis(begin: Any, end: Any = None) -> Any:
    """An ordered axis in a block's list of axes.

    >>> with T.block([T.scan_axis(0, 16)], "B") as [vi]:
    ...     T.bind(vi, n)
    ...     B[vi] = B[vi] + 1
    """

def serial(
    start: Index,
    stop: Index | None = None,
    *,
    annotations: dict[str, Any] | None = None,
    step: Constant | None = None,
    **pragmas: Any,
) -> Any:
    """A loop whose iterations run in order; `range(...)` with annotations: `for i in T.serial(0, 10):`.

    With a step it is a loop over the number of steps, in which `i` stands for the number come to. A keyword such as
    `unroll=1` is short for `annotations={"pragma_unroll": 1}`, in every kind of loop.

    >>> for i in T.serial(2, 16, annotations={"note": 1}):
    ...     B[i] = i
    """

def shift_left(x: Argument, y: Argument, /) -> Expr:
    """x times 2 to the power y, wrapping; 0 <= y < bits."""

def shift_right(x: Argument, y: Argument, /) -> Expr:
    """x shifted right by y bits, keeping the sign; 0 <= y < bits."""

def sigmoid(x: Argument, /) -> Expr:
    """1 / (1 + exp(-x))."""

def sin(x: Argument, /) -> Expr:
    """Sine of x radians."""

def sinh(x: Argument, /) -> Expr:
    """Hyperbolic sine."""

def sqrt(x: Argument, /) -> Expr:
    """The square root; NaN below 0."""

def tan(x: Argument, /) -> Expr:
    """Tangent of x radians."""

def tanh(x: Argument, /) -> Expr:
    """Hyperbolic tangent."""

def thread_binding(
    start: Index,
    stop: Index | None = None,
    thread: str | None = None,
    *,
    annotations: dict[str, Any] | None = None,
    **pragmas: Any,
) -> Any:
    """A loop bound to a thread axis: `for tx in T.thread_binding(128, thread="threadIdx.x"):`.

    >>> for tx in T.thread_binding(16, thread="threadIdx.x"):
    ...     B[tx] = tx
    """

def trap() -> Expr:
    """Stops the program with an error."""

def trunc(x: Argument, /) -> Expr:
    """x without its fraction."""

def truncdiv(a: Value, b: Value) -> Expr:
    """The quotient of integers rounded towards zero."""

def truncmod(a: Value, b: Value) -> Expr:
    """The remainder of `T.truncdiv`."""

def tvm_access_ptr(x: Argument, y: Argument, z: Argument, u: Argument, v: Argument, /) -> Expr:
    """A pointer into a buffer: (type annotation, data, offset, extent, access mask)."""

def tvm_fill_fragment(*args: Argument) -> Expr:
    """Sets a matrix in a warp's registers: (fragment, m, n, k, index, value)."""

def tvm_load_matrix_sync(*args: Argument) -> Expr:
    """Loads a matrix into a warp's registers: (fragment, m, n, k, index, pointer, stride, layout)."""

def tvm_mma_sync(*args: Argument) -> Expr:
    """D = A @ B + C of fragments: (d, index, a, index, b, index, c, index), then the layouts of A and B."""

def tvm_storage_sync(x: Argument, /) -> Expr:
    """A barrier over the threads that share the memory named."""

def tvm_store_matrix_sync(*args: Argument) -> Expr:
    """Stores a matrix from a warp's registers: (fragment, m, n, k, index, pointer, stride, layout)."""

def tvm_thread_allreduce(*args: Argument) -> Expr:
    """Reduces values across the threads bound to the axes named."""

def tvm_warp_activemask() -> Expr:
    """The mask of the warp's active lanes."""

def tvm_warp_shuffle(x: Argument, y: Argument, z: Argument, u: Argument, v: Argument, /) -> Expr:
    """The value of the lane given: (mask, value, lane, width, warp size)."""

def tvm_warp_shuffle_down(x: Argument, y: Argument, z: Argument, u: Argument, v: Argument, /) -> Expr:
    """The value of the lane `offset` above."""

def tvm_warp_shuffle_up(x: Argument, y: Argument, z: Argument, u: Argument, v: Argument, /) -> Expr:
    """The value of the lane `offset` below."""

def type_annotation(dtype: Type, /) -> Expr:
    """Names the element type to tvm_access_ptr."""

def undef(dtype: Type, /) -> Expr:
    """Any value of the type."""

def unroll(
    start: Index,
    stop: Index | None = None,
    *,
    annotations: dict[str, Any] | None = None,
    step: Constant | None = None,
    **pragmas: Any,
) -> Any:
    """A loop whose body is repeated in the code.

    >>> for i in T.unroll(16):
    ...     B[i] = i
    """

def var(dtype: Any, name: str = "v") -> Var:
    """A new variable of the type `dtype`; `x = T.int32()` is the newer spelling.

    >>> x = T.var("int32")
    >>> with T.let(x, n * 2):
    ...     B[0] = x
    """

def vector_reduce_add(x: Argument, /) -> Expr:
    """The sum of the lanes."""

def vector_reduce_max(x: Argument, /) -> Expr:
    """The greatest lane."""

def vector_reduce_min(x: Argument, /) -> Expr:
    """The least lane."""

def vectorcombine(dtype: Type, vec1: Value, vec2: Value) -> Expr:
    """The lanes of a vector and after them those of another of its type, together of the type `dtype`: a `T.Shuffle`.

    >>> A[0, 0:4] = T.vectorcombine("float32x4", A[1, 0:2], A[2, 0:2])
    """

def vectorhigh(dtype: Type, vec: Value) -> Expr:
    """The upper half of a vector's lanes, which is of the type `dtype`: a `T.Shuffle`.

    >>> A[0, 0:2] = T.vectorhigh("float32x2", A[1, 0:4])
    """

def vectorized(
    start: Index,
    stop: Index | None = None,
    *,
    annotations: dict[str, Any] | None = None,
    step: Constant | None = None,
    **pragmas: Any,
) -> Any:
    """A loop whose iterations become the lanes of vectors.

    >>> for i in T.vectorized(16):
    ...     B[i] = i
    """

def vectorlow(dtype: Type, vec: Value) -> Expr:
    """The lower half of a vector's lanes, which is of the type `dtype`: a `T.Shuffle`.

    >>> A[0, 0:2] = T.vectorlow("float32x2", A[1, 0:4])
    """

def void() -> None:
    """No value: the type of a function that returns nothing, as in `-> T.void`.

    >>> @T.prim_func
    ... def f(A: T.Buffer((16,))) -> T.void:
    ...     A[0] = 1
    """

def vscale() -> Expr:
    """The run-time multiple of a scalable vector."""

def where(condition: Value) -> None:
    """Run the block's instances only where `condition`, an expression of the loops, holds.

    >>> for i, j in T.grid(4, 5):
    ...     with T.block("B"):
    ...         vi = T.axis.spatial(16, i * 5 + j)
    ...         T.where(i * 5 + j < 16)
    ...         B[vi] = 1
    """

def writes(*regions: Any) -> None:
    """The regions an instance of the block writes: `T.writes(C[vi, vj])`; `T.writes()` writes nothing.

    >>> with T.block("B"):
    ...     T.writes(A[0, 0:4])
    ...     T.evaluate(T.call_extern("int32", "f", A.data))
    """
