"""Storage rewrite: memory that is free is used again."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tensorir import Target, parse
from tensorir.codegen.passes.storage_rewrite import storage_rewrite
from tensorir.tir.stmt import Allocate
from tensorir.tir.visit import walk

from .checks import apply, becomes, floats


def test_a_dead_buffer_gives_its_memory_to_the_next() -> None:
    becomes(
        storage_rewrite,
        """
@T.prim_func
def main(A: T.Buffer((2048,), "float32"), B: T.Buffer((2048,), "float32")):
    P = T.allocate((2048,), "float32")
    Q = T.allocate((2048,), "float32")
    R = T.allocate((1024,), "float32")
    for i in range(2048):
        P[i] = A[i] + T.float32(1)
    for i in range(2048):
        Q[i] = P[i] * T.float32(2)
    for i in range(1024):
        R[i] = Q[i * 2]
    for i in range(2048):
        B[i] = R[i // 2]
""",
        """
@T.prim_func
def main(A: T.Buffer((2048,), "float32"), B: T.Buffer((2048,), "float32")):
    P = T.allocate((2048,), "float32")
    Q = T.allocate((2048,), "float32")
    R = T.decl_buffer((1024,), "float32", data=P.data)
    for i in range(2048):
        P[i] = A[i] + T.float32(1)
    for i in range(2048):
        Q[i] = P[i] * T.float32(2)
    for i in range(1024):
        R[i] = Q[i * 2]
    for i in range(2048):
        B[i] = R[i // 2]
""",
        [floats(2048), floats(2048)],
    )


def allocated(text: str) -> list[str]:
    """The names of the buffers that still have memory of their own after the pass."""
    return [n.buffer.name for n in walk(apply(storage_rewrite, parse(text))) if isinstance(n, Allocate)]


def test_views_move_with_their_memory() -> None:
    program = """
@T.prim_func
def main(A: T.Buffer((2048,), "float32"), B: T.Buffer((4096,), "int8")):
    P = T.allocate((2048,), "float32")
    Q = T.allocate((4096,), "int8")
    V = T.decl_buffer((64, 64), "int8", data=Q.data)
    for i in range(2048):
        P[i] = A[i]
    for i in range(2048):
        A[i] = P[2047 - i]
    for i, j in T.grid(64, 64):
        V[i, j] = T.int8(1)
    for i in range(4096):
        B[i] = Q[i]
"""
    assert allocated(program) == ["P"]
    apply(storage_rewrite, parse(program), [floats(2048), floats(4096).astype("int8")])


def test_what_is_alive_at_once_stays_apart() -> None:
    assert allocated("""
@T.prim_func
def main(A: T.Buffer((2048,), "float32")):
    P = T.allocate((2048,), "float32")
    Q = T.allocate((2048,), "float32")
    for i in range(2048):
        P[i] = A[i]
    for i in range(2048):
        Q[i] = P[i]
    for i in range(2048):
        A[i] = P[i] + Q[i]
""") == ["P", "Q"]


def test_registers_other_scopes_and_symbolic_sizes_stay() -> None:
    assert allocated("""
@T.prim_func
def main(A: T.Buffer((2048,), "float32"), n: T.int32):
    P = T.allocate((16,), "float32")
    Q = T.allocate((16,), "float32")
    R = T.allocate((n,), "float32")
    S = T.allocate((2048,), "float32", scope="shared")
    U = T.allocate((2048,), "float32")
    A[0] = U[0]
    A[0] = P[0]
    A[1] = Q[1]
    A[2] = R[1]
    A[3] = S[1]
""") == ["P", "Q", "R", "S", "U"]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_random_pipelines_compute_the_same(data: st.DataObject) -> None:
    """Stages that read any earlier buffers, of different sizes and types."""
    count = data.draw(st.integers(2, 7))
    types = [data.draw(st.sampled_from(("float32", "int32", "float64", "int8"))) for _ in range(count)]
    sizes = [data.draw(st.sampled_from((4096, 4100, 5000))) for _ in range(count)]
    lines = [f'    X{k} = T.allocate(({sizes[k]},), "{types[k]}")' for k in range(count)]
    for k in range(count):
        reads = data.draw(st.lists(st.integers(-1, k - 1), min_size=1, max_size=2))
        value = " + ".join(f'T.Cast("float32", {"A" if r < 0 else f"X{r}"}[i])' for r in reads)
        lines += ["    for i in range(4096):", f'        X{k}[i] = T.Cast("{types[k]}", {value})']
    lines += ["    for i in range(4096):", f'        B[i] = T.Cast("float32", X{count - 1}[i])']
    head = '@T.prim_func\ndef main(A: T.Buffer((4096,), "float32"), B: T.Buffer((4096,), "float32")):\n'
    apply(storage_rewrite, parse(head + "\n".join(lines)), [floats(4096) * 20, floats(4096)])


def test_registers_of_a_gpu_s_threads_are_left_to_its_compiler() -> None:
    text = """
@T.prim_func
def main(A: T.Buffer((2048,), "float32")):
    X = T.allocate((2048,), "float32", scope="local")
    Y = T.allocate((2048,), "float32", scope="local")
    for i in range(2048):
        X[i] = A[i]
    for i in range(2048):
        A[i] = X[i] * T.float32(2)
    for i in range(2048):
        Y[i] = A[i]
    for i in range(2048):
        A[i] = Y[i]
"""
    count = [
        sum(isinstance(n, Allocate) for n in walk(storage_rewrite(parse(text), Target(kind))))
        for kind in ("llvm", "cuda")
    ]
    assert count == [1, 2]
