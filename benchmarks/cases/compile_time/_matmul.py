"""The plain matmul of the compile-time cases, as a decorated function and as text, for us and for TVM."""

N = 1024

TEXT = """
@T.prim_func
def main(A: T.Buffer((1024, 1024), "float32"), B: T.Buffer((1024, 1024), "float32"), C: T.Buffer((1024, 1024), "float32")):
    for i, j, k in T.grid(1024, 1024, 1024):
        with T.block("C"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
"""  # noqa: E501 - a user would write it so
TVM_TEXT = TEXT.replace("@T.prim_func", "@T.prim_func(s_tir=True)").replace("T.block", "T.sblock")


def decorated(T):
    """Parse the decorated function with our `T`."""

    @T.prim_func
    def main(A: T.Buffer((N, N), "float32"), B: T.Buffer((N, N), "float32"), C: T.Buffer((N, N), "float32")):
        for i, j, k in T.grid(N, N, N):
            with T.block("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]

    return main


def tvm_decorated(T):
    """Parse the decorated function with TVM's `T`."""

    @T.prim_func(s_tir=True)
    def main(A: T.Buffer((N, N), "float32"), B: T.Buffer((N, N), "float32"), C: T.Buffer((N, N), "float32")):
        for i, j, k in T.grid(N, N, N):
            with T.sblock("C"):
                vi, vj, vk = T.axis.remap("SSR", [i, j, k])
                with T.init():
                    C[vi, vj] = T.float32(0)
                C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]

    return main


def primitives(sch, get_block):
    """get_block, get_loops, 3 splits, reorder, fuse, parallel, vectorize, unroll, decompose_reduction."""
    block = get_block("C")
    i, j, k = sch.get_loops(block)
    i0, i1 = sch.split(i, [None, 32])
    j0, j1 = sch.split(j, [None, 32])
    k0, k1 = sch.split(k, [None, 4])
    sch.reorder(i0, j0, k0, i1, k1, j1)
    sch.parallel(sch.fuse(i0, j0))
    sch.vectorize(j1)
    sch.unroll(k1)
    sch.decompose_reduction(block, k0)


def cached(sch, get_block):
    """The same with a write cache: 3 splits, reorder, cache_write, reverse_compute_at, vectorize twice, and so on."""
    block = get_block("C")
    i, j, k = sch.get_loops(block)
    i0, i1 = sch.split(i, [None, 32])
    j0, j1 = sch.split(j, [None, 32])
    k0, k1 = sch.split(k, [None, 4])
    sch.reorder(i0, j0, k0, i1, k1, j1)
    cache = sch.cache_write(block, 0, "global")
    sch.reverse_compute_at(cache, j0)
    sch.vectorize(j1)
    sch.vectorize(sch.get_loops(cache)[-1])
    sch.unroll(k1)
    sch.parallel(sch.fuse(i0, j0))
    sch.decompose_reduction(block, k0)


def peers(steps):
    """Each peer's making of its task: a fresh schedule of the matmul, to which `steps` are applied."""

    def with_tensorir():
        import tensorir
        from tensorir import T

        return _task(tensorir.Schedule, decorated(T), "get_block", steps)

    def with_tvm():
        from tvm import s_tir
        from tvm.script import tirx as T

        return _task(s_tir.Schedule, tvm_decorated(T), "get_sblock", steps)

    return {"tensorir": with_tensorir, "tvm": with_tvm}


def _task(schedule, function, getter, steps):
    def run():
        sch = schedule(function)
        steps(sch, getattr(sch, getter))

    return run
