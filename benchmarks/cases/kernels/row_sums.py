"""The sum of each row."""

import functools

import numpy as np
import peers


def with_numpy(a, b, **_):
    """numpy sums rows pairwise."""
    return functools.partial(np.sum, a, axis=1, out=b)


def with_torch(*arrays, **_):
    """torch's own kernel."""
    import torch

    a, b = peers.torch_tensors(arrays)
    return functools.partial(torch.sum, a, 1, out=b)


PEERS = {"numpy": with_numpy, "torch": with_torch}
