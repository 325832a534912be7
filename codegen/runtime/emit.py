"""Writes a signature's native entry as LLVM IR text: every check, the call of the kernel, the ways out.

The entry is a C function of CPython's METH_FASTCALL | METH_KEYWORDS kind. Checks come in this order:

1. as many positional arguments as parameters, and no keywords;
2. each argument can be read: as a view whose kind (data type, number of dimensions, writability) is the declared one,
   or as a number;
3. extents, strides, symbols, ranges, alignments and overlaps, all collected into one word that must be 0.

Whatever fails goes to `tir_slow`, which hands the arguments to Python. Whether they are accepted is decided here alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from .dtypes import Kind, kind
from .signature import MAX_ALIGN, BufferParam, ScalarParam, Signature
from .ssa import Value, Writer, declare

_WRITABLE = 0x100  # in a view's kind
_PREAMBLE = (
    "%Buffer = type { ptr, ptr, i64, i64, i32, i32, ptr, ptr, ptr, ptr, ptr }",
    "%View = type { ptr, ptr, ptr, %Buffer }",
    "@py_None = external global i8",
    *(declare("i1", f"tir_as_{number}", "ptr", "ptr") for number in ("int", "uint", "float", "bool")),
    *(declare("{i64, i1}", f"tir_floor{name}", "i64", "i64") for name in ("div", "mod")),
    *(declare("{i64, i1}", f"llvm.s{op}.with.overflow.i64", "i64", "i64") for op in ("add", "sub", "mul")),
    *(declare("i64", f"llvm.{name}.i64", "i64", "i64") for name in ("smin", "smax")),
    declare("float", "llvm.fabs.f32", "float"),
    declare("double", "llvm.fabs.f64", "double"),
    declare("i64", "tir_view", "ptr", "ptr"),
    declare("i1", "tir_overlaps_itself", "i64", "ptr", "ptr", "i64"),
    declare("void", "tir_release", "ptr", "i64"),
    declare("ptr", "tir_slow", "ptr", "ptr", "i64", "ptr", "ptr", "i64"),
    declare("ptr", "tir_fail", "ptr", "i32"),
    declare("ptr", "PyEval_SaveThread"),
    declare("void", "PyEval_RestoreThread", "ptr"),
    declare("void", "Py_IncRef", "ptr"),
)


ENTRY = "tir_entry"
"""The symbol of an entry."""

KERNEL = "tir_kernel"
"""The symbol by which an entry calls its kernel."""


def emit(signature: Signature) -> str:
    """The entry's module."""
    return _Entry(signature).text()


@dataclass(slots=True)
class _Array:
    """A buffer parameter on its way through the checks."""

    param: BufferParam
    view: str
    shape: str = ""  # where its extents and strides are stored
    strides_at: str = ""
    extents: tuple[Value, ...] = ()
    strides: tuple[Value, ...] = ()  # in bytes
    total: Value = 0  # elements
    data: Value = 0  # address of the first element


class _Entry(Writer):
    """The entry of one signature, on its way to text."""

    def __init__(self, signature: Signature) -> None:
        super().__init__()
        self.signature = signature
        self.held = 0  # views read so far
        self.escapes: list[tuple[int, str]] = []  # (views to release, block) of every branch to the slow path
        self.arrays: dict[str, _Array] = {}
        self.numbers: dict[str, str] = {}  # what the kernel gets of scalars
        self.symbols: dict[str, Value] = {}  # as i64

    def text(self) -> str:
        """The whole module."""
        signature = self.signature
        self.do(f"%views = alloca [{sum(map(_is_viewed, signature.params))} x %View]")
        self.do("%number = alloca i64")
        positional = self.let("icmp eq ptr %kwnames, null")
        complete = self.let(f"icmp eq i64 %nargs, {len(signature.params)}")
        self.require(self.let(f"and i1 {positional}, {complete}"))
        for index, param in enumerate(signature.params):
            argument = self.load("ptr", "%args", index)
            if isinstance(param, ScalarParam):
                self.numbers[param.name] = self.read_number(param, argument)
            else:
                self.arrays[param.name] = _Array(
                    param, self.read_view(param.kind, len(param.shape), param.written, argument)
                )
        arrays = list(self.arrays.values())
        for array in arrays:
            self.read_layout(array)
        self.bind_symbols()
        for array in arrays:
            self.check_shape(array)
            self.check_strides(array)
        pointers = {array.param.name: self.check_address(array) for array in arrays}
        self.check_overlaps(arrays)
        self.require(self.sound())
        self.call_kernel(pointers)
        self.leave()
        kernel = declare("i32", KERNEL, signature.kernel_types)
        head = f"define ptr @{ENTRY}(ptr %self, ptr %args, i64 %nargs, ptr %kwnames) {{"
        return "\n".join((*_PREAMBLE, kernel, head, "entry:", *self.lines, "}", ""))

    def require(self, condition: str) -> None:
        """Go on only where the i1 `condition` holds."""
        following = self.new()
        self.escapes.append((self.held, self.block))
        self.do(f"br i1 {condition}, label %{following}, label %slow")
        self.start(following)

    # Reading arguments.

    def read_view(self, known: Kind, ndim: int, written: bool, argument: str) -> str:
        """Read `argument` as an array of this kind; the view's address."""
        view = self.at("%View", "%views", self.held)
        seen = self.let(f"call i64 @tir_view(ptr {argument}, ptr {view})")
        self.held += 1
        expected = known.code | ndim << 32
        if written:
            expected |= _WRITABLE
        else:
            seen = self.let(f"and i64 {seen}, {~_WRITABLE}")
        self.require(self.let(f"icmp eq i64 {seen}, {expected}"))
        return view

    def read_number(self, param: ScalarParam, argument: str) -> str:
        """The number in `argument`, in the type the kernel takes; an integer becomes a symbol too."""
        known = param.kind
        if _is_viewed(param):
            data = self.load("ptr", self.read_view(known, 0, False, argument))
            return self.let(f"load {known.llvm}, ptr {data}, align 1")
        if known.kind == "float":
            number = self.convert("float", "double", argument)
            return number if known.bytes == 8 else self.narrow(number)
        if known.kind == "bool":
            return self.let(f"trunc i64 {self.convert('bool', 'i64', argument)} to i1")
        large = known.name == "uint64"
        number = self.convert("uint" if large else "int", "i64", argument)
        self.symbols[param.name] = number
        if large:
            if param.name in self.signature.mentioned:  # symbols are signed
                self.fault(self.let(f"lshr i64 {number}, 63"))
        else:
            self.check_range(number, known)
        return number if known.bytes == 8 else self.let(f"trunc i64 {number} to {known.llvm}")

    def convert(self, what: str, type: str, argument: str) -> str:
        """Have the runtime convert a number."""
        self.require(self.let(f"call i1 @tir_as_{what}(ptr {argument}, ptr %number)"))
        return self.load(type, "%number")

    def narrow(self, number: str) -> str:
        """A double as a float; a fault where it is finite and too large for one."""
        result = self.let(f"fptrunc double {number} to float")
        size = self.let(f"call float @llvm.fabs.f32(float {result})")
        infinite = self.let(f"fcmp oeq float {size}, 0x7FF0000000000000")
        source = self.let(f"call double @llvm.fabs.f64(double {number})")
        finite = self.let(f"fcmp one double {source}, 0x7FF0000000000000")
        self.fault(self.wide(self.let(f"and i1 {infinite}, {finite}")))
        return result

    def check_range(self, number: Value, known: Kind) -> None:
        """A signed 64-bit number must fit a type (of uint64, the lower half)."""
        least, greatest = known.range
        shift = min(63, (greatest - least).bit_length())
        if known.name != "int64":
            self.fault(self.let(f"lshr i64 {self.sub(number, least)}, {shift}"))

    # Shapes, strides, symbols.

    def read_layout(self, array: _Array) -> None:
        """Load extents and strides. A constant extent is checked here and stands for itself from then on."""
        array.shape, array.strides_at = (
            self.let(f"load ptr, ptr {self.let(f'getelementptr %View, ptr {array.view}, i64 0, i32 {part}')}")
            for part in (1, 2)
        )
        axes = range(len(array.param.shape))
        extents: list[Value] = [self.load("i64", array.shape, axis) for axis in axes]
        for axis, dim in enumerate(array.param.shape):
            if isinstance(dim, int):
                self.fault(self.differ(extents[axis], dim))
                extents[axis] = dim
        array.extents = tuple(extents)
        array.strides = tuple(self.load("i64", array.strides_at, axis) for axis in axes)
        array.total = 1
        for extent in extents:
            array.total = self.mul(array.total, extent)

    def bind_symbols(self) -> None:
        """Give every symbol its value; it must fit its type and not be negative."""
        types = dict(self.signature.symbols)
        for name, binding in self.signature.bindings.items():
            if binding.what == "shape":
                self.symbols[name] = self.arrays[binding.param].extents[binding.axis]
            elif binding.what == "stride":
                self.symbols[name], rest = self.in_elements(self.arrays[binding.param], binding.axis)
                self.fault(rest)
            elif binding.what == "offset":
                self.symbols[name] = 0
            if name in types:
                _, greatest = kind(types[name]).range
                self.fault(self.let(f"lshr i64 {self.symbols[name]}, {min(63, greatest.bit_length())}"))

    def check_shape(self, array: _Array) -> None:
        """Extents that are symbols or expressions must have their values."""
        for axis, dim in enumerate(array.param.shape):
            if not isinstance(dim, int):
                self.fault(self.differ(array.extents[axis], self.dim(dim, self.symbols)))

    def check_strides(self, array: _Array) -> None:
        """Strides must be the declared ones, or compact; those that nothing is multiplied by do not matter."""
        outer, self.faults = self.faults, []
        step: Value = array.param.kind.bytes
        for axis in reversed(range(len(array.extents))):
            extent = array.extents[axis]
            if array.param.strides is None:
                wrong = self.differ(array.strides[axis], step)
                step = self.mul(step, extent)
            else:
                whole, rest = self.in_elements(array, axis)
                declared = self.dim(array.param.strides[axis], self.symbols)
                wrong = self.either(rest, self.differ(whole, declared))
            self.fault(self.where(self.above(extent, 1), wrong, 0))
        if array.param.strides is not None and array.param.written:
            where = f"i64 {len(array.extents)}, ptr {array.shape}, ptr {array.strides_at}, i64 {array.param.kind.bytes}"
            self.fault(self.wide(self.let(f"call i1 @tir_overlaps_itself({where})")))
        wrong = self.gathered()
        self.faults = outer
        self.fault(self.where(self.above(array.total, 0), wrong, 0))

    def in_elements(self, array: _Array, axis: int) -> tuple[Value, Value]:
        """A stride as a number of elements, and the bytes beyond it."""
        size, stride = array.param.kind.bytes, array.strides[axis]
        whole = stride if size == 1 else self.let(f"ashr i64 {stride}, {size.bit_length() - 1}")
        return whole, self.bits(stride, size - 1)

    # Addresses.

    def check_address(self, array: _Array) -> str:
        """The pointer the kernel gets, aligned as declared; an empty array's is made up."""
        address = self.let(f"ptrtoint ptr {self.load('ptr', array.view)} to i64")
        array.data = self.where(self.above(array.total, 0), address, MAX_ALIGN)
        size = array.param.kind.bytes
        base = self.sub(array.data, self.mul(self.dim(array.param.offset, self.symbols), size))
        self.fault(self.bits(base, array.param.alignment - 1))
        return self.let(f"inttoptr i64 {base} to ptr")

    def check_overlaps(self, arrays: list[_Array]) -> None:
        """A written array must not share memory with another: the ranges they lie in must be disjoint."""
        if len(arrays) < 2 or not any(array.param.written for array in arrays):
            return
        ends = {array.param.name: self.add(array.data, self.span(array)) for array in arrays}
        for one, other in combinations(arrays, 2):
            if one.param.written or other.param.written:
                before = self.let(f"icmp ult i64 {one.data}, {ends[other.param.name]}")
                after = self.let(f"icmp ult i64 {other.data}, {ends[one.param.name]}")
                self.fault(self.wide(self.let(f"and i1 {before}, {after}")))

    def span(self, array: _Array) -> Value:
        """Bytes from an array's first to past its last; 0 where it is empty."""
        size = array.param.kind.bytes
        if array.param.strides is None:
            return self.mul(size, array.total)
        reach: Value = size
        for extent, stride in zip(array.extents, array.strides, strict=True):
            reach = self.add(reach, self.mul(self.sub(extent, 1), stride))
        return self.where(self.above(array.total, 0), reach, 0)

    # The call and what follows.

    def call_kernel(self, pointers: dict[str, str]) -> None:
        """Call the kernel; its code is %code."""
        values = [
            pointers[p.name] if isinstance(p, BufferParam) else self.numbers[p.name] for p in self.signature.params
        ]
        for name, dtype in self.signature.symbols:
            llvm, value = kind(dtype).llvm, self.symbols[name]
            values.append(str(value) if llvm == "i64" else self.let(f"trunc i64 {value} to {llvm}"))
        types = self.signature.kernel_types.split(", ") if values else []
        arguments = ", ".join(f"{type} {value}" for type, value in zip(types, values, strict=True))
        release = self.signature.release_gil
        thread = self.let("call ptr @PyEval_SaveThread()") if release else ""
        self.do(f"%code = call i32 @{KERNEL}({arguments})")
        if release:
            self.do(f"call void @PyEval_RestoreThread(ptr {thread})")

    def leave(self) -> None:
        """Release the buffers; None, or the exception the kernel's code stands for. And the slow path."""
        self.do(f"call void @tir_release(ptr %views, i64 {self.held})")
        self.do("%good = icmp eq i32 %code, 0")
        self.do("br i1 %good, label %done, label %failed")
        self.start("done")
        self.do("call void @Py_IncRef(ptr @py_None)")
        self.do("ret ptr @py_None")
        self.start("failed")
        self.do("%raised = call ptr @tir_fail(ptr %self, i32 %code)")
        self.do("ret ptr %raised")
        self.start("slow")
        self.do(f"%held = phi i64 {', '.join(f'[ {held}, %{block} ]' for held, block in self.escapes)}")
        arguments = "ptr %self, ptr %args, i64 %nargs, ptr %kwnames, ptr %views, i64 %held"
        self.do(f"%answer = call ptr @tir_slow({arguments})")
        self.do("ret ptr %answer")


def _is_viewed(param: BufferParam | ScalarParam) -> bool:
    """Whether the argument is read as an array; numbers of types C does not know are, as arrays without dimensions."""
    return isinstance(param, BufferParam) or (param.kind.code not in _C_NUMBERS)


_C_NUMBERS = {kind(name).code for name in ("bool", "float32", "float64")} | {
    kind(f"{sign}int{bits}").code for sign in ("", "u") for bits in (8, 16, 32, 64)
}
