; What every native entry shares: reading an argument as a view or a number, and the ways out when something is wrong.
; Names with a dollar are filled in by host.py: offsets in CPython's and numpy's objects, numpy's type numbers.
;
; Only documented C-API functions are called; numpy arrays are read in place, at the offsets numpy's public headers
; promise to compiled extensions (host.py checks them against live arrays before it trusts them).

%Buffer = type { ptr, ptr, i64, i64, i32, i32, ptr, ptr, ptr, ptr, ptr } ; Py_buffer

; An argument seen as an array. The kind packs what is compared at once: the data type's code in bits 0-7, bit 8 if
; writable, the number of dimensions from bit 32 on. Strides count bytes. The buffer is held where its object is not null.
%View = type { ptr, ptr, ptr, %Buffer } ; data, shape, strides, buffer

@numpy_codes = internal constant [$numpy_types x i8] c"$numpy_codes" ; the code of each of numpy's type numbers, or 0
@fail_name = internal constant [5 x i8] c"fail\00"

declare i32 @PyObject_GetBuffer(ptr, ptr, i32)
declare void @PyBuffer_Release(ptr)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyObject_VectorcallMethod(ptr, ptr, i64, ptr)
declare ptr @PyUnicode_FromString(ptr)
declare ptr @PyLong_FromLong(i64)
declare i64 @PyLong_AsLongLong(ptr)
declare i64 @PyLong_AsUnsignedLongLong(ptr)
declare ptr @PyNumber_Index(ptr)
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyErr_Occurred()
declare i32 @PyErr_ExceptionMatches(ptr)
declare void @PyErr_Clear()
declare void @Py_DecRef(ptr)
declare i64 @llvm.ctpop.i64(i64)

; Python objects; the symbol's address is the object's.
@py_ndarray = external global i8
@py_Exception = external global i8
@py_True = external global i8
@py_False = external global i8

; ---- arrays ----

; Fill %view with what %object says of itself and return its kind; 0 where it is no array we can read.
define i64 @tir_view(ptr %object, ptr %view) {
entry:
  %owner = getelementptr %View, ptr %view, i64 0, i32 3, i32 1
  store ptr null, ptr %owner
  %type.at = getelementptr i8, ptr %object, i64 $ob_type
  %type = load ptr, ptr %type.at
  %numpy = icmp eq ptr %type, @py_ndarray
  br i1 %numpy, label %array, label %exporter
array:
  %kind = call i64 @view_array(ptr %object, ptr %view)
  ret i64 %kind
exporter:
  %other = call i64 @view_buffer(ptr %object, ptr %view)
  ret i64 %other
}

; An exact numpy.ndarray.
define internal i64 @view_array(ptr %array, ptr %view) alwaysinline {
entry:
  %fields = getelementptr i8, ptr %array, i64 $head
  %data = load ptr, ptr %fields
  %ndim.at = getelementptr i8, ptr %fields, i64 8
  %ndim = load i32, ptr %ndim.at
  %shape.at = getelementptr i8, ptr %fields, i64 16
  %shape = load ptr, ptr %shape.at
  %strides.at = getelementptr i8, ptr %fields, i64 24
  %strides = load ptr, ptr %strides.at
  %descr.at = getelementptr i8, ptr %fields, i64 40
  %descr = load ptr, ptr %descr.at
  %flags.at = getelementptr i8, ptr %fields, i64 48
  %flags = load i32, ptr %flags.at
  store ptr %data, ptr %view
  %view.shape = getelementptr %View, ptr %view, i64 0, i32 1
  store ptr %shape, ptr %view.shape
  %view.strides = getelementptr %View, ptr %view, i64 0, i32 2
  store ptr %strides, ptr %view.strides
  ; the data type's code: none where the bytes are swapped
  %described = getelementptr i8, ptr %descr, i64 $head
  %order.at = getelementptr i8, ptr %described, i64 10
  %order = load i8, ptr %order.at
  %swapped = icmp eq i8 %order, $swapped
  %number.at = getelementptr i8, ptr %described, i64 12
  %number = load i32, ptr %number.at
  %known = icmp ult i32 %number, $numpy_types
  %index = select i1 %known, i32 %number, i32 0
  %code.at = getelementptr [$numpy_types x i8], ptr @numpy_codes, i64 0, i32 %index
  %code = load i8, ptr %code.at
  %unswapped = select i1 %swapped, i8 0, i8 %code
  %meant = select i1 %known, i8 %unswapped, i8 0
  ; NPY_ARRAY_WRITEABLE without NPY_ARRAY_WARN_ON_WRITE
  %write = and i32 %flags, u0x80000400
  %writable = icmp eq i32 %write, u0x400
  %kind = call i64 @pack(i8 %meant, i1 %writable, i32 %ndim)
  ret i64 %kind
}

; Anything else that exports a buffer of numbers.
define internal i64 @view_buffer(ptr %object, ptr %view) noinline {
entry:
  %buffer = getelementptr %View, ptr %view, i64 0, i32 3
  %status = call i32 @PyObject_GetBuffer(ptr %object, ptr %buffer, i32 28) ; PyBUF_STRIDES | PyBUF_FORMAT
  %given = icmp eq i32 %status, 0
  br i1 %given, label %read, label %refused
refused:
  %owner = getelementptr %Buffer, ptr %buffer, i64 0, i32 1
  store ptr null, ptr %owner
  ret i64 0
read:
  %data = load ptr, ptr %buffer
  store ptr %data, ptr %view
  %shape.at = getelementptr %Buffer, ptr %buffer, i64 0, i32 7
  %shape = load ptr, ptr %shape.at
  %view.shape = getelementptr %View, ptr %view, i64 0, i32 1
  store ptr %shape, ptr %view.shape
  %strides.at = getelementptr %Buffer, ptr %buffer, i64 0, i32 8
  %strides = load ptr, ptr %strides.at
  %view.strides = getelementptr %View, ptr %view, i64 0, i32 2
  store ptr %strides, ptr %view.strides
  %indirect.at = getelementptr %Buffer, ptr %buffer, i64 0, i32 9
  %indirect = load ptr, ptr %indirect.at
  %ndim.at = getelementptr %Buffer, ptr %buffer, i64 0, i32 5
  %ndim = load i32, ptr %ndim.at
  %readonly.at = getelementptr %Buffer, ptr %buffer, i64 0, i32 4
  %readonly = load i32, ptr %readonly.at
  %itemsize.at = getelementptr %Buffer, ptr %buffer, i64 0, i32 3
  %itemsize = load i64, ptr %itemsize.at
  %format.at = getelementptr %Buffer, ptr %buffer, i64 0, i32 6
  %format = load ptr, ptr %format.at
  ; ctypes arrays have no strides, PIL-style exporters have suboffsets: Python's side knows how to read those
  %no.strides = icmp eq ptr %strides, null
  %dims = icmp ne i32 %ndim, 0
  %strideless = and i1 %no.strides, %dims
  %suboffsets = icmp ne ptr %indirect, null
  %strange = or i1 %strideless, %suboffsets
  br i1 %strange, label %unread, label %letter
unread:
  ret i64 0
letter:
  %class = call i8 @format_class(ptr %format)
  %size = trunc i64 %itemsize to i8
  %code = or i8 %class, %size ; both are known to be right below
  %power = call i64 @llvm.ctpop.i64(i64 %itemsize)
  %one.bit = icmp eq i64 %power, 1
  %narrow = icmp ule i64 %itemsize, 8
  %classed = icmp ne i8 %class, 0
  %fine.size = and i1 %one.bit, %narrow
  %fine = and i1 %fine.size, %classed
  %meant = select i1 %fine, i8 %code, i8 0
  %writable = icmp eq i32 %readonly, 0
  %kind = call i64 @pack(i8 %meant, i1 %writable, i32 %ndim)
  ret i64 %kind
}

; The class bits of a data type's code for a PEP 3118 format of one letter, 0 for any other format.
define internal i8 @format_class(ptr %format) {
entry:
  %bytes = icmp eq ptr %format, null ; means unsigned bytes
  br i1 %bytes, label %unsigned, label %order
order:
  %mark = load i8, ptr %format
  switch i8 %mark, label %plain [ i8 64, label %marked   ; @
                                  i8 61, label %marked   ; =
                                  i8 $unswapped, label %marked ]
marked:
  %behind = getelementptr i8, ptr %format, i64 1
  br label %plain
plain:
  %at = phi ptr [ %format, %order ], [ %behind, %marked ]
  %letter = load i8, ptr %at
  %empty = icmp eq i8 %letter, 0
  br i1 %empty, label %unknown, label %single
single:
  %after.at = getelementptr i8, ptr %at, i64 1
  %after = load i8, ptr %after.at
  %alone = icmp eq i8 %after, 0
  br i1 %alone, label %class, label %unknown
class:
  switch i8 %letter, label %unknown [
    i8 98, label %signed    i8 104, label %signed   i8 105, label %signed   ; b h i
    i8 108, label %signed   i8 113, label %signed   i8 110, label %signed   ; l q n
    i8 66, label %unsigned  i8 72, label %unsigned  i8 73, label %unsigned  ; B H I
    i8 76, label %unsigned  i8 81, label %unsigned  i8 78, label %unsigned  ; L Q N
    i8 101, label %float    i8 102, label %float    i8 100, label %float    ; e f d
    i8 63, label %bool ]                                                    ; ?
signed:
  ret i8 $class_int
unsigned:
  ret i8 $class_uint
float:
  ret i8 $class_float
bool:
  ret i8 $class_bool
unknown:
  ret i8 0
}

define internal i64 @pack(i8 %code, i1 %writable, i32 %ndim) alwaysinline {
  %low = zext i8 %code to i64
  %bit = select i1 %writable, i64 256, i64 0
  %dims = zext i32 %ndim to i64
  %high = shl i64 %dims, 32
  %some = or i64 %low, %bit
  %kind = or i64 %some, %high
  ret i64 %kind
}

; Whether two elements of an array with these extents and strides (bytes, not negative) may lie in one place: sorted by
; stride, every dimension must step over all that the smaller ones span.
define i1 @tir_overlaps_itself(i64 %ndim, ptr %shape, ptr %strides, i64 %itemsize) {
entry:
  br label %pick
pick:
  ; the least stride above the last one taken; two equal ones overlap, so no dimension is passed over
  %span = phi i64 [ %itemsize, %entry ], [ %span.next, %take ]
  %last = phi i64 [ -1, %entry ], [ %best, %take ]
  br label %scan
scan:
  %i = phi i64 [ 0, %pick ], [ %i.next, %next ]
  %best.so = phi i64 [ 9223372036854775807, %pick ], [ %best.next, %next ]
  %extent.so = phi i64 [ 0, %pick ], [ %extent.next, %next ]
  %count.so = phi i64 [ 0, %pick ], [ %count.next, %next ]
  %more = icmp ult i64 %i, %ndim
  br i1 %more, label %consider, label %picked
consider:
  %extent.at = getelementptr i64, ptr %shape, i64 %i
  %extent = load i64, ptr %extent.at
  %stride.at = getelementptr i64, ptr %strides, i64 %i
  %stride = load i64, ptr %stride.at
  %moves = icmp ugt i64 %extent, 1
  %later = icmp sgt i64 %stride, %last
  %candidate = and i1 %moves, %later
  %same = icmp eq i64 %stride, %best.so
  %less = icmp slt i64 %stride, %best.so
  %better = and i1 %candidate, %less
  %tie = and i1 %candidate, %same
  %tied = zext i1 %tie to i64
  %counted = add i64 %count.so, %tied
  br label %next
next:
  %best.next = select i1 %better, i64 %stride, i64 %best.so
  %extent.next = select i1 %better, i64 %extent, i64 %extent.so
  %count.next = select i1 %better, i64 1, i64 %counted
  %i.next = add i64 %i, 1
  br label %scan
picked:
  %best = phi i64 [ %best.so, %scan ]
  %all = icmp eq i64 %count.so, 0
  br i1 %all, label %clear, label %judge
judge:
  %twice = icmp ugt i64 %count.so, 1
  %inside = icmp slt i64 %best, %span
  %clash = or i1 %twice, %inside
  br i1 %clash, label %overlap, label %take
take:
  %steps = sub i64 %extent.so, 1
  %reach = mul i64 %steps, %best
  %span.next = add i64 %span, %reach
  br label %pick
clear:
  ret i1 false
overlap:
  ret i1 true
}

; ---- numbers ----
; Each stores the value and returns 1, or returns 0 with or without an exception set.

define i1 @tir_as_int(ptr %object, ptr %value) {
entry:
  %number = call i64 @PyLong_AsLongLong(ptr %object)
  store i64 %number, ptr %value
  %suspect = icmp eq i64 %number, -1
  br i1 %suspect, label %ask, label %good
ask:
  %error = call ptr @PyErr_Occurred()
  %none = icmp eq ptr %error, null
  ret i1 %none
good:
  ret i1 true
}

define i1 @tir_as_uint(ptr %object, ptr %value) {
entry:
  %integer = call ptr @PyNumber_Index(ptr %object)
  %is = icmp ne ptr %integer, null
  br i1 %is, label %convert, label %bad
convert:
  %number = call i64 @PyLong_AsUnsignedLongLong(ptr %integer)
  store i64 %number, ptr %value
  call void @Py_DecRef(ptr %integer)
  %suspect = icmp eq i64 %number, -1
  br i1 %suspect, label %ask, label %good
ask:
  %error = call ptr @PyErr_Occurred()
  %none = icmp eq ptr %error, null
  ret i1 %none
good:
  ret i1 true
bad:
  ret i1 false
}

define i1 @tir_as_float(ptr %object, ptr %value) {
entry:
  %number = call double @PyFloat_AsDouble(ptr %object)
  store double %number, ptr %value
  %suspect = fcmp oeq double %number, -1.0
  br i1 %suspect, label %ask, label %good
ask:
  %error = call ptr @PyErr_Occurred()
  %none = icmp eq ptr %error, null
  ret i1 %none
good:
  ret i1 true
}

define i1 @tir_as_bool(ptr %object, ptr %value) {
  %true = icmp eq ptr %object, @py_True
  %false = icmp eq ptr %object, @py_False
  %number = zext i1 %true to i64
  store i64 %number, ptr %value
  %either = or i1 %true, %false
  ret i1 %either
}

; ---- the ways out ----

; Release the buffers that %count views hold.
define void @tir_release(ptr %views, i64 %count) {
entry:
  br label %test
test:
  %i = phi i64 [ 0, %entry ], [ %i.next, %next ]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %each, label %out
each:
  %buffer = getelementptr %View, ptr %views, i64 %i, i32 3
  %owner.at = getelementptr %Buffer, ptr %buffer, i64 0, i32 1
  %owner = load ptr, ptr %owner.at
  %held = icmp ne ptr %owner, null
  br i1 %held, label %release, label %next
release:
  call void @PyBuffer_Release(ptr %buffer)
  br label %next
next:
  %i.next = add i64 %i, 1
  br label %test
out:
  ret void
}

; Something did not fit: release %count views and let Python's side accept the arguments after all, or explain. An
; exception on the way here is forgotten, since Python's side meets it again; but Ctrl-C and exit go through.
define ptr @tir_slow(ptr %self, ptr %args, i64 %nargs, ptr %kwnames, ptr %views, i64 %count) noinline cold {
entry:
  call void @tir_release(ptr %views, i64 %count)
  %error = call ptr @PyErr_Occurred()
  %calm = icmp eq ptr %error, null
  br i1 %calm, label %call, label %sort
sort:
  %ordinary = call i32 @PyErr_ExceptionMatches(ptr @py_Exception)
  %urgent = icmp eq i32 %ordinary, 0
  br i1 %urgent, label %raise, label %forget
raise:
  ret ptr null
forget:
  call void @PyErr_Clear()
  br label %call
call:
  %result = call ptr @PyObject_Vectorcall(ptr %self, ptr %args, i64 %nargs, ptr %kwnames)
  ret ptr %result
}

; The kernel returned %code: call self.fail(code), which raises.
define ptr @tir_fail(ptr %self, i32 %code) noinline cold {
entry:
  %args = alloca [2 x ptr]
  %name = call ptr @PyUnicode_FromString(ptr @fail_name)
  %named = icmp ne ptr %name, null
  br i1 %named, label %number, label %out
number:
  %wide = sext i32 %code to i64
  %argument = call ptr @PyLong_FromLong(i64 %wide)
  %numbered = icmp ne ptr %argument, null
  br i1 %numbered, label %call, label %drop
call:
  store ptr %self, ptr %args
  %second = getelementptr ptr, ptr %args, i64 1
  store ptr %argument, ptr %second
  %result = call ptr @PyObject_VectorcallMethod(ptr %name, ptr %args, i64 2, ptr null)
  call void @Py_DecRef(ptr %argument)
  br label %drop
drop:
  %outcome = phi ptr [ null, %number ], [ %result, %call ]
  call void @Py_DecRef(ptr %name)
  br label %out
out:
  %raised = phi ptr [ null, %entry ], [ %outcome, %drop ]
  ret ptr %raised
}

; ---- arithmetic of expressions in signatures: the value, and 1 where there is none ----

define { i64, i1 } @tir_floordiv(i64 %a, i64 %b) {
entry:
  %bad = call i1 @indivisible(i64 %a, i64 %b)
  br i1 %bad, label %none, label %divide
none:
  ret { i64, i1 } { i64 0, i1 true }
divide:
  %quotient = sdiv i64 %a, %b
  %rest = srem i64 %a, %b
  %inexact = icmp ne i64 %rest, 0
  %signs = xor i64 %rest, %b
  %opposed = icmp slt i64 %signs, 0
  %down = and i1 %inexact, %opposed
  %less = sext i1 %down to i64
  %floor = add i64 %quotient, %less
  %result = insertvalue { i64, i1 } { i64 0, i1 false }, i64 %floor, 0
  ret { i64, i1 } %result
}

define { i64, i1 } @tir_floormod(i64 %a, i64 %b) {
entry:
  %bad = call i1 @indivisible(i64 %a, i64 %b)
  br i1 %bad, label %none, label %divide
none:
  ret { i64, i1 } { i64 0, i1 true }
divide:
  %rest = srem i64 %a, %b
  %inexact = icmp ne i64 %rest, 0
  %signs = xor i64 %rest, %b
  %opposed = icmp slt i64 %signs, 0
  %up = and i1 %inexact, %opposed
  %more = select i1 %up, i64 %b, i64 0
  %floor = add i64 %rest, %more
  %result = insertvalue { i64, i1 } { i64 0, i1 false }, i64 %floor, 0
  ret { i64, i1 } %result
}

; Whether a / b is undefined: b is 0, or the quotient is one above the greatest integer.
define internal i1 @indivisible(i64 %a, i64 %b) alwaysinline {
  %zero = icmp eq i64 %b, 0
  %least = icmp eq i64 %a, -9223372036854775808
  %minus = icmp eq i64 %b, -1
  %overflow = and i1 %least, %minus
  %bad = or i1 %zero, %overflow
  ret i1 %bad
}
