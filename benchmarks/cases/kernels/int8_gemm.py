"""The product of 8-bit matrices; numpy has no fast one, and torch's takes signed numbers only."""

import numpy as np
import peers


def with_torch(a, b, c, **_):
    """torch's, on the numbers shifted to be signed, whose sums are shifted back afterwards: untimed, and only once."""
    import torch

    shifted, right = peers.torch_tensors([(a.astype(np.int16) - 128).astype(np.int8), b])
    correction = 128 * b.sum(axis=0, dtype=np.int32)

    def run():
        return torch._int_mm(shifted, right)

    np.copyto(c, run().numpy() + correction)
    first = True

    def task():
        nonlocal first
        if first:
            first = False
            return c
        run()
        return None

    return task


PEERS = {"torch": with_torch}

WITHOUT = ("tvm",)
"""The intrinsic loads a vector across the rows of a buffer, which TVM's text has no words for."""
