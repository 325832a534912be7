"""Softmax of the rows of a matrix for a GPU: a block of threads a row, whose threads reduce together.

Run it by `python examples/tutorials/softmax.py`.
"""


def softmax(sch):
    """Rows to blocks, columns to threads; the exponentials are computed where they are used."""
    sch.compute_inline("exp")
    i, j = sch.get_loops("softmax")
    sch.bind(i, "blockIdx.x")
    _, thread = sch.split(j, [None, 4])
    sch.bind(thread, "threadIdx.x")
    # Maximum and sum of a row live in shared memory; the threads' parts are combined by a reduction across threads.
    for name in ("sum", "max"):
        sch.compute_at(name, i)
        sch.set_scope(name, 0, "shared")
        _, part = sch.split(sch.get_loops(name)[-1], [None, 4])
        sch.bind(part, "threadIdx.x")


def softmax_rows(sch):
    """For a CPU: all four steps of a row one after another, rows to the threads of the machine."""
    i, j = sch.get_loops("softmax")
    for name in ("sum", "exp", "max"):
        sch.compute_at(name, i)
    sch.vectorize(j)
    sch.vectorize(sch.get_loops("exp")[-1])
    sch.parallel(i)


def reference(x):
    """Numpy's softmax."""
    import numpy as np

    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def main():
    """Check both."""
    from _check import check
    from tensorir.script import workloads

    for schedule in (softmax, softmax_rows):
        check(workloads.softmax(6, 12), schedule, reference)


if __name__ == "__main__":
    main()
