"""Every error a program can run into in the interpreter, by its whole message."""

from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from tensorir.codegen.interpreter import run
from tensorir.script import ir as I
from tensorir.script import tir as T
from tensorir.tir.errors import CallError, RunError


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray:
    """An array of zeros."""
    return np.zeros(shape, dtype)


def error_of(program: Any, *args: Any, **options: Any) -> str:
    """The whole message of the RunError that running `program` raises."""
    with pytest.raises(RunError) as caught:
        run(program, *args, **options)
    return str(caught.value)


def text(message: str) -> str:
    """An expected message, written indented."""
    return dedent(message).strip("\n")


def test_an_index_outside_the_shape() -> None:
    @T.prim_func
    def program(A: T.Buffer((4, 4), "float32"), B: T.Buffer((4, 4), "float32")):
        for i, j in T.grid(4, 4):
            with T.block("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj + 1]

    assert error_of(program, zeros(4, 4), zeros(4, 4), sanitize=True) == text(
        """
        run-time error: `A[0, 4]` is read, outside the buffer's shape (4, 4)
          where i = 0, j = 3, vi = 0, vj = 3

        1  @T.prim_func
        2  def program(A: T.Buffer((4, 4), "float32"), B: T.Buffer((4, 4), "float32")):
        3      for i, j in T.grid(4, 4):
        4          with T.block("B"):
        5              vi, vj = T.axis.remap("SS", [i, j])
        6              T.reads(A[vi, vj + 1])
        7              T.writes(B[vi, vj])
        8              B[vi, vj] = A[vi, vj + 1]
                       ^^^^^^^^^^^^^^^^^^^^^^^^^
        """
    )


def test_a_negative_index() -> None:
    @T.prim_func
    def program(A: T.Buffer((4,), "float32"), n: T.int32):
        for i in range(n):
            A[i - 2] = T.float32(0)

    assert error_of(program, zeros(4), 3, sanitize=True) == text(
        """
        run-time error: `A[-2]` is written, outside the buffer's shape (4,)
          where n = 3, i = 0

        1  @T.prim_func
        2  def program(A: T.Buffer((4,), "float32"), n: T.int32):
        3      for i in range(n):
        4          A[i - 2] = T.float32(0)
                   ^^^^^^^^^^^^^^^^^^^^^^^
        """
    )


def test_an_index_outside_a_lowered_allocation() -> None:
    @T.prim_func
    def program(A: T.Buffer((8,), "float32")):
        X = T.allocate((4,), "float32", scope="local")
        for i in range(8):
            X[i] = A[i]

    assert error_of(program, zeros(8)) == text(
        """
        run-time error: an access is outside the memory of its buffer (sanitize=True tells which)
          where i = 4

        1  @T.prim_func
        2  def program(A: T.Buffer((8,), "float32")):
        3      X = T.allocate((4,), "float32", scope="local")
        4      for i in range(8):
        5          X[i] = A[i]
                   ^^^^^^^^^^^
        """
    )


def test_a_lane_outside_the_shape() -> None:
    @T.prim_func
    def program(A: T.Buffer((8,), "float32")):
        for i in range(3):
            A[T.Ramp(i * 4, 1, 4)] = T.Broadcast(T.float32(1), 4)

    assert error_of(program, zeros(8), sanitize=True) == text(
        """
        run-time error: `A[8]` is written, outside the buffer's shape (8,)
          where i = 2

        1  @T.prim_func
        2  def program(A: T.Buffer((8,), "float32")):
        3      for i in range(3):
        4          A[i * 4 : i * 4 + 4] = T.Broadcast(T.float32(1), 4)
                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        """
    )


def test_a_view_larger_than_its_memory() -> None:
    @T.prim_func
    def program(A: T.Buffer((8,), "float32")):
        X = T.allocate((4,), "float32", scope="local")
        V = T.decl_buffer((8,), "float32", data=X.data)
        for i in range(8):
            V[i] = A[i]

    assert error_of(program, zeros(8), sanitize=True) == text(
        """
        run-time error: the buffer's element 4 lies outside its memory, which holds 16 bytes
          where i = 4

        1  @T.prim_func
        2  def program(A: T.Buffer((8,), "float32")):
        3      X = T.allocate((4,), "float32", scope="local")
        4      V = T.decl_buffer((8,), "float32", data=X.data, scope="local")
        5      for i in range(8):
        6          V[i] = A[i]
                   ^^^^^^^^^^^
        """
    )


def test_memory_read_before_it_is_written() -> None:
    @T.prim_func
    def program(B: T.Buffer((4,), "float32")):
        X = T.alloc_buffer((4,), "float32")
        for i in range(3):
            with T.block("X"):
                vi = T.axis.spatial(3, i)
                X[vi] = T.float32(1)
        for i in range(4):
            with T.block("B"):
                vi = T.axis.spatial(4, i)
                B[vi] = X[vi]

    assert error_of(program, zeros(4), sanitize=True) == text(
        """
        run-time error: `X[3]` is read, but nothing has been written there
          where i = 3, vi = 3
          hint: fresh memory holds garbage; write the element first, in a reduction with T.init

         1  @T.prim_func
         2  def program(B: T.Buffer((4,), "float32")):
         3      X = T.alloc_buffer((4,), "float32")
         4      for i in range(3):
         5          with T.block("X"):
         6              vi = T.axis.spatial(3, i)
         7              T.reads()
         8              T.writes(X[vi])
         9              X[vi] = T.float32(1)
        10      for i in range(4):
        11          with T.block("B"):
        12              vi = T.axis.spatial(4, i)
        13              T.reads(X[vi])
        14              T.writes(B[vi])
        15              B[vi] = X[vi]
                        ^^^^^^^^^^^^^
        """
    )


def test_an_output_read_before_it_is_written() -> None:
    @T.prim_func
    def program(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
        for i in range(4):
            B[i] = B[i] + A[i]

    assert error_of(program, zeros(4), zeros(4), sanitize=True, outputs=["B"]) == text(
        """
        run-time error: `B[0]` is read, but nothing has been written there
          where i = 0
          hint: fresh memory holds garbage; write the element first, in a reduction with T.init

        1  @T.prim_func
        2  def program(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "float32")):
        3      for i in range(4):
        4          B[i] = B[i] + A[i]
                   ^^^^^^^^^^^^^^^^^^
        """
    )


def test_a_reduction_in_parallel() -> None:
    @T.prim_func
    def program(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4,), "float32")):
        for j in T.parallel(8):
            for i in range(4):
                with T.block("B"):
                    vi, vj = T.axis.remap("SR", [i, j])
                    with T.init():
                        B[vi] = T.float32(0)
                    B[vi] = B[vi] + A[vi, vj]

    assert error_of(program, zeros(4, 8), zeros(4), sanitize=True) == text(
        """
        run-time error: iterations of the parallel loop `j` race for `B[0]`: j = 0 writes it, j = 1 reads it
          where j = 1, i = 0, vi = 0, vj = 1
          hint: make the loop serial, or let each iteration touch elements of its own

         1  @T.prim_func
         2  def program(A: T.Buffer((4, 8), "float32"), B: T.Buffer((4,), "float32")):
         3      for j in T.parallel(8):
         4          for i in range(4):
         5              with T.block("B"):
         6                  vi, vj = T.axis.remap("SR", [i, j])
         7                  T.reads(A[vi, vj])
         8                  T.writes(B[vi])
         9                  with T.init():
        10                      B[vi] = T.float32(0)
        11                  B[vi] = B[vi] + A[vi, vj]
                            ^^^^^^^^^^^^^^^^^^^^^^^^^
        """
    )


def test_a_vectorized_loop_that_carries_a_value() -> None:
    @T.prim_func
    def program(A: T.Buffer((8,), "float32")):
        for i in T.vectorized(7):
            A[i + 1] = A[i]

    assert error_of(program, zeros(8), sanitize=True) == text(
        """
        run-time error: iterations of the vectorized loop `i` race for `A[1]`: i = 0 writes it, i = 1 reads it
          where i = 1
          hint: make the loop serial, or let each iteration touch elements of its own

        1  @T.prim_func
        2  def program(A: T.Buffer((8,), "float32")):
        3      for i in T.vectorized(7):
        4          A[i + 1] = A[i]
                   ^^^^^^^^^^^^^^^
        """
    )


def test_a_write_after_a_read_in_another_iteration() -> None:
    @T.prim_func
    def program(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
        for i in T.parallel(8):
            B[i] = A[7 - i]
            A[i] = T.float32(0)

    assert error_of(program, zeros(8), zeros(8), sanitize=True) == text(
        """
        run-time error: iterations of the parallel loop `i` race for `A[3]`: i = 3 writes it, i = 4 reads it
          where i = 4
          hint: make the loop serial, or let each iteration touch elements of its own

        1  @T.prim_func
        2  def program(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
        3      for i in T.parallel(8):
        4          B[i] = A[7 - i]
                   ^^^^^^^^^^^^^^^
        5          A[i] = T.float32(0)
                   ^^^^^^^^^^^^^^^^^^^
        """
    )


def test_two_blocks_of_threads_write_one_element() -> None:
    @T.prim_func
    def program(A: T.Buffer((2,), "float32")):
        for _b in T.thread_binding(4, thread="blockIdx.x"):
            for t in T.thread_binding(2, thread="threadIdx.x"):
                A[t] = T.float32(0)

    assert error_of(program, zeros(2), sanitize=True) == text(
        """
        run-time error: iterations of the thread loop `_b` race for `A[0]`: _b = 0 writes it, _b = 1 writes it
          where _b = 1, t = 0
          hint: do not bind the loop to threads, or let each iteration touch elements of its own

        1  @T.prim_func
        2  def program(A: T.Buffer((2,), "float32")):
        3      for _b in T.thread_binding(4, thread="blockIdx.x"):
        4          for t in T.thread_binding(2, thread="threadIdx.x"):
        5              A[t] = T.float32(0)
                       ^^^^^^^^^^^^^^^^^^^
        """
    )


def test_an_atomic_addition_beside_a_plain_read() -> None:
    @T.prim_func
    def program(A: T.Buffer((1,), "float32"), B: T.Buffer((4,), "float32")):
        for i in T.parallel(4):
            T.atomic_add(A[0], T.float32(1))
            B[i] = A[0]

    assert error_of(program, zeros(1), zeros(4), sanitize=True) == text(
        """
        run-time error: iterations of the parallel loop `i` race for `A[0]`: i = 0 reads it, i = 1 atomically adds to it
          where i = 1
          hint: make the loop serial, or let each iteration touch elements of its own

        1  @T.prim_func
        2  def program(A: T.Buffer((1,), "float32"), B: T.Buffer((4,), "float32")):
        3      for i in T.parallel(4):
        4          T.atomic_add(A[0], T.float32(1))
                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        5          B[i] = A[0]
                   ^^^^^^^^^^^
        """
    )


def test_a_missing_barrier() -> None:
    @T.prim_func
    def program(A: T.Buffer((4,), "int32"), B: T.Buffer((4,), "int32")):
        for t in T.thread_binding(4, thread="threadIdx.x"):
            S = T.allocate((4,), "int32", scope="shared")
            S[t] = A[t]
            T.tvm_storage_sync("shared")
            B[t] = S[3 - t]
            S[t] = 0

    assert error_of(program, zeros(4, dtype="int32"), zeros(4, dtype="int32"), sanitize=True) == text(
        """
        run-time error: threads of (threadIdx.x) race for `S[1]`: thread (1) writes it, thread (2) reads it
          where t = 2
          hint: put a barrier between the accesses, T.tvm_storage_sync

        1  @T.prim_func
        2  def program(A: T.Buffer((4,), "int32"), B: T.Buffer((4,), "int32")):
        3      for t in T.thread_binding(4, thread="threadIdx.x"):
        4          S = T.allocate((4,), "int32", scope="shared")
        5          S[t] = A[t]
        6          T.tvm_storage_sync("shared")
        7          B[t] = S[3 - t]
                   ^^^^^^^^^^^^^^^
        8          S[t] = 0
                   ^^^^^^^^
        """
    )


def test_a_barrier_that_some_threads_skip() -> None:
    @T.prim_func
    def program(A: T.Buffer((4,), "int32")):
        for t in T.thread_binding(4, thread="threadIdx.x"):
            if t < 2:
                T.tvm_storage_sync("shared")
            A[t] = t

    assert error_of(program, zeros(4, dtype="int32")) == text(
        """
        run-time error: thread (0) of (threadIdx.x) waits at a barrier, thread (2) has ended
          hint: every thread must come to the same barrier; take it out of conditions that differ between threads

        1  @T.prim_func
        2  def program(A: T.Buffer((4,), "int32")):
        3      for t in T.thread_binding(4, thread="threadIdx.x"):
        4          if t < 2:
        5              T.tvm_storage_sync("shared")
                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        6          A[t] = t
        """
    )


def test_threads_at_different_barriers() -> None:
    @T.prim_func
    def program(A: T.Buffer((4,), "int32")):
        for y in T.thread_binding(2, thread="threadIdx.y"):
            for x in T.thread_binding(2, thread="threadIdx.x"):
                if x == y:
                    T.tvm_storage_sync("shared")
                else:
                    A[x] = y
                    T.tvm_storage_sync("shared")

    assert error_of(program, zeros(4, dtype="int32")) == text(
        """
        run-time error: thread (0, 0) of (threadIdx.y, threadIdx.x) waits at one barrier, thread (0, 1) at another
          hint: every thread must come to the same barrier; take it out of conditions that differ between threads

        1  @T.prim_func
        2  def program(A: T.Buffer((4,), "int32")):
        3      for y in T.thread_binding(2, thread="threadIdx.y"):
        4          for x in T.thread_binding(2, thread="threadIdx.x"):
        5              if x == y:
        6                  T.tvm_storage_sync("shared")
                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        7              else:
        8                  A[x] = y
        9                  T.tvm_storage_sync("shared")
                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        """
    )


def test_a_read_outside_the_declared_region() -> None:
    @T.prim_func
    def program(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
        for i in range(7):
            with T.block("B"):
                vi = T.axis.spatial(7, i)
                T.reads(A[vi])
                T.writes(B[vi])
                B[vi] = A[vi] + A[vi + 1]

    assert error_of(program, zeros(8), zeros(8), check_regions=True) == text(
        """
        run-time error: block `B` reads `A[1]`, outside the regions it declares with T.reads
          where i = 0, vi = 0
          hint: declare it, or leave T.reads(...) out to have the regions found

        1  @T.prim_func
        2  def program(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
        3      for i in range(7):
        4          with T.block("B"):
        5              vi = T.axis.spatial(7, i)
        6              T.reads(A[vi])
        7              T.writes(B[vi])
        8              B[vi] = A[vi] + A[vi + 1]
                       ^^^^^^^^^^^^^^^^^^^^^^^^^
        """
    )


def test_a_write_that_an_outer_block_does_not_declare() -> None:
    @T.prim_func
    def program(A: T.Buffer((8, 8), "float32")):
        for i in range(2):
            with T.block("outer"):
                vi = T.axis.spatial(2, i)
                T.reads()
                T.writes(A[vi * 4 : vi * 4 + 4, 0:4])
                X = T.match_buffer(A[vi * 4 : vi * 4 + 4, 0:8], (4, 8), "float32")
                for j, k in T.grid(4, 8):
                    with T.block("inner"):
                        vj, vk = T.axis.remap("SS", [j, k])
                        T.reads()
                        T.writes(X[vj, vk])
                        X[vj, vk] = T.float32(1)

    assert error_of(program, zeros(8, 8), check_regions=True) == text(
        """
        run-time error: block `outer` writes `A[0, 4]`, outside the regions it declares with T.writes
          where i = 0, vi = 0, j = 0, k = 4, vj = 0, vk = 4
          hint: declare it, or leave T.writes(...) out to have the regions found

         1  @T.prim_func
         2  def program(A: T.Buffer((8, 8), "float32")):
         3      for i in range(2):
         4          with T.block("outer"):
         5              vi = T.axis.spatial(2, i)
         6              T.reads()
         7              T.writes(A[vi * 4 : vi * 4 + 4, 0:4])
         8              X = T.match_buffer(A[vi * 4 : vi * 4 + 4, 0:8], (4, 8), "float32")
         9              for j, k in T.grid(4, 8):
        10                  with T.block("inner"):
        11                      vj, vk = T.axis.remap("SS", [j, k])
        12                      T.reads()
        13                      T.writes(X[vj, vk])
        14                      X[vj, vk] = T.float32(1)
                                ^^^^^^^^^^^^^^^^^^^^^^^^
        """
    )


def test_an_integer_divided_by_zero() -> None:
    @T.prim_func
    def program(A: T.Buffer((8,), "int32"), n: T.int32):
        for i in range(8):
            A[i] = 10 // (n - i)

    assert error_of(program, zeros(8, dtype="int32"), 3) == text(
        """
        run-time error: an integer is divided by zero
          where n = 3, i = 3

        1  @T.prim_func
        2  def program(A: T.Buffer((8,), "int32"), n: T.int32):
        3      for i in range(8):
        4          A[i] = 10 // (n - i)
                   ^^^^^^^^^^^^^^^^^^^^
        """
    )


def test_a_shift_by_too_many_bits() -> None:
    @T.prim_func
    def program(A: T.Buffer((2,), "int8"), n: T.int8):
        A[0] = A[1] >> n

    assert error_of(program, zeros(2, dtype="int8"), 9) == text(
        """
        run-time error: an integer of 8 bits is shifted right by 9 bits; 0 to 7 are legal
          where n = 9

        1  @T.prim_func
        2  def program(A: T.Buffer((2,), "int8"), n: T.int8):
        3      A[0] = A[1] >> n
               ^^^^^^^^^^^^^^^^
        """
    )


def test_a_failed_assertion() -> None:
    @T.prim_func
    def program(A: T.Buffer((2,), "int32"), n: T.int32):
        assert n < 3, "n must be {small}"
        A[0] = n

    assert error_of(program, zeros(2, dtype="int32"), n=3) == text(
        """
        run-time error: n must be {small}
          where n = 3

        1  @T.prim_func
        2  def program(A: T.Buffer((2,), "int32"), n: T.int32):
        3      assert n < 3, "n must be {small}"
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        4      A[0] = n
        """
    )


def test_an_assumption_that_does_not_hold() -> None:
    @T.prim_func
    def program(A: T.Buffer((2,), "int32"), n: T.int32):
        T.assume(n < 3)
        A[0] = n

    assert error_of(program, zeros(2, dtype="int32"), 3, sanitize=True) == text(
        """
        run-time error: what T.assume states does not hold
          where n = 3

        1  @T.prim_func
        2  def program(A: T.Buffer((2,), "int32"), n: T.int32):
        3      T.assume(n < 3)
               ^^^^^^^^^^^^^^^
        4      A[0] = n
        """
    )


def test_a_trap() -> None:
    @T.prim_func
    def program(A: T.Buffer((2,), "int32")):
        if A[0] == 0:
            T.trap()

    assert error_of(program, zeros(2, dtype="int32")) == text(
        """
        run-time error: the program trapped

        1  @T.prim_func
        2  def program(A: T.Buffer((2,), "int32")):
        3      if A[0] == 0:
        4          T.trap()
                   ^^^^^^^^
        """
    )


def test_an_external_function_nobody_registered() -> None:
    @T.prim_func
    def program(A: T.Buffer((2,), "float32")):
        A[0] = T.call_extern("float32", "nobody_registered_this", A[1])

    assert error_of(program, zeros(2)) == text(
        """
        run-time error: the interpreter has no implementation of the external function 'nobody_registered_this'
          hint: give it one with tensorir.codegen.interpreter.register_extern

        1  @T.prim_func
        2  def program(A: T.Buffer((2,), "float32")):
        3      A[0] = T.call_extern("float32", "nobody_registered_this", A[1])
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        """
    )


def test_a_function_called_with_a_wrong_argument() -> None:
    @I.ir_module
    class program:
        @T.prim_func
        def callee(n: T.int8) -> T.int8:
            T.ret(n)

        @T.prim_func
        def main(A: T.Buffer((2,), "int32")):
            A[0] = T.cast(T.call_function("int8", "callee", A[1] + 1000), "int32")

    assert error_of(program, zeros(2, dtype="int32")) == text(
        """
        run-time error: `callee`: argument `n` is 1000, which does not fit int8 (-128 to 127)

        1  @T.prim_func
        2  def main(A: T.Buffer((2,), "int32")):
        3      A[0] = T.Cast("int32", T.call_function("int8", "callee", A[1] + 1000))
               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        """
    )


def test_match_buffer_strides_that_the_source_has_not() -> None:
    @T.prim_func
    def program(A: T.Buffer((4, 4), "float32")):
        for i in range(4):
            with T.block("row"):
                vi = T.axis.spatial(4, i)
                X = T.match_buffer(A[0:4, vi], (4, 1), "float32", strides=(1, 1))
                X[0, 0] = T.float32(0)

    assert error_of(program, zeros(4, 4)) == text(
        """
        run-time error: match_buffer `X` declares strides that its source does not have
          where i = 0, vi = 0

        1  @T.prim_func
        2  def program(A: T.Buffer((4, 4), "float32")):
        3      for i in range(4):
        4          with T.block("row"):
                   ^^^^^^^^^^^^^^^^^^^^
        5              vi = T.axis.spatial(4, i)
        6              T.reads()
        7              T.writes(A[0, vi])
        8              X = T.match_buffer(A[0:4, vi], (4, 1), "float32", strides=[1, 1])
        9              X[0, 0] = T.float32(0)
        """
    )


@T.prim_func
def saxpy(a: T.handle, B: T.Buffer((4, 3), "float32"), s: T.float32, k: T.int8):
    n = T.int32()
    A = T.match_buffer(a, (n, n + 1), "float32")
    for i, j in T.grid(4, 3):
        B[i, j] = B[i, j] + A[0, 1] * s + T.cast(k, "float32")


@pytest.mark.parametrize(
    "args, message",
    [
        ((), "`saxpy` takes 4 arguments (A, B, s, k), got 0: A, B, s, k missing"),
        ((zeros(2, 3), zeros(4, 3), 1.0), "`saxpy` takes 4 arguments (A, B, s, k), got 3: k missing"),
        ((zeros(2, 3), zeros(4, 3), 1.0, 1, 1), "`saxpy` takes 4 arguments (A, B, s, k), got 5"),
        ((zeros(2, 3), zeros(4, 2), 1.0, 1), "`saxpy`: argument `B` has shape (4, 2); expected (4, 3)"),
        ((zeros(2, 2), zeros(4, 3), 1.0, 1), "`saxpy`: argument `A` has shape (2, 2); expected (n, n + 1) = (2, 3)"),
        (
            (zeros(6), zeros(4, 3), 1.0, 1),
            "`saxpy`: argument `A` has 1 dimensions, shape (6,); expected 2, shape (n, n + 1)",
        ),
        ((zeros(2, 3, dtype="float64"), zeros(4, 3), 1.0, 1), "`saxpy`: argument `A` must hold float32, got float64"),
        (
            (zeros(2, 3), zeros(3, 4).T, 1.0, 1),
            "`saxpy`: argument `B` is not contiguous: its strides are (1, 4) elements; pass "
            "np.ascontiguousarray(...) or declare the buffer's strides",
        ),
        (
            ([1, 2], zeros(4, 3), 1.0, 1),
            "`saxpy`: argument `A` must be an array (numpy, DLPack or the buffer protocol), got list",
        ),
        ((zeros(2, 3), zeros(4, 3), "x", 1), "`saxpy`: argument `s` is a float32, got str 'x'"),
        ((zeros(2, 3), zeros(4, 3), 1.0, 128), "`saxpy`: argument `k` is 128, which does not fit int8 (-128 to 127)"),
        ((zeros(2, 3), zeros(4, 3), 1.0, 1.5), "`saxpy`: argument `k` is a int8, got float 1.5"),
    ],
)
def test_arguments_that_do_not_fit(args: tuple[Any, ...], message: str) -> None:
    with pytest.raises(CallError) as caught:
        run(saxpy, *args)
    assert str(caught.value) == message


def test_a_read_only_array_is_no_output() -> None:
    b = zeros(4, 3)
    b.flags.writeable = False
    with pytest.raises(CallError) as caught:
        run(saxpy, zeros(2, 3), b, 1.0, 1)
    assert str(caught.value) == "`saxpy`: argument `B` is written by the function, but the array is read-only"


def test_names_that_are_no_parameters() -> None:
    with pytest.raises(CallError) as caught:
        run(saxpy, zeros(2, 3), B=zeros(4, 3), s=1.0, q=1)
    assert str(caught.value) == "`saxpy` has no parameter `q` left to give; it takes (A, B, s, k)"
    with pytest.raises(CallError) as caught:
        run(saxpy, zeros(2, 3), zeros(4, 3), 1.0, 1, sanitize=True, outputs=["X"])
    assert str(caught.value) == "`saxpy` has no buffer parameter X to be an output"


def test_strides_that_are_declared_are_checked() -> None:
    @T.prim_func
    def columns(A: T.Buffer((3, 4), "float32", strides=(1, 3))):
        A[0, 0] = T.float32(1)

    a = zeros(4, 3).T
    run(columns, a)
    assert a[0, 0] == 1
    with pytest.raises(CallError) as caught:
        run(columns, zeros(3, 4))
    assert str(caught.value) == "`columns`: argument `A` has strides (4, 1) in elements; expected (1, 3)"


def test_a_module_of_several_functions_needs_a_name() -> None:
    @I.ir_module
    class Module:
        @T.prim_func
        def first(A: T.Buffer((2,), "float32")):
            A[0] = T.float32(1)

        @T.prim_func
        def second(A: T.Buffer((2,), "float32")):
            A[0] = T.float32(2)

    with pytest.raises(CallError) as caught:
        run(Module, zeros(2))
    assert str(caught.value) == "the module has several functions, give name=: first, second"
    a = zeros(2)
    run(Module, a, name="second")
    assert a[0] == 2
