"""Attention for a CPU: the scores of a row of queries, their softmax and the weighted sum, without a square matrix.

Run it by `python examples/tutorials/attention.py`.
"""


def attention(sch):
    """Everything a few rows of queries need is computed under one loop; heads and blocks of rows go to the threads."""
    sch.compute_inline("scaled")
    b, h, i, j, s = sch.get_loops("O")
    i_outer, i_inner = sch.split(i, [None, 2])
    sch.reorder(b, h, i_outer, s, i_inner, j)
    sch.vectorize(j)
    # From the last to the first, each under the loop over blocks of rows.
    for name in ("softmax", "sum", "exp", "max", "scores"):
        sch.compute_at(name, i_outer)
    for name in ("softmax", "exp"):
        sch.vectorize(sch.get_loops(name)[-1])
    sch.parallel(sch.fuse(b, h, i_outer))
    sch.decompose_reduction("O", s)
    sch.decompose_reduction("scores", sch.get_loops("scores")[-1])


def reference(q, k, v):
    """Numpy's attention."""
    import numpy as np

    scores = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[-1])
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True) @ v


def main():
    """Check it."""
    from _check import check
    from tensorir.script import workloads

    check(workloads.attention(1, 2, 5, 4), attention, reference)


if __name__ == "__main__":
    main()
