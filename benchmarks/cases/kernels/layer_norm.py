"""Layer normalisation of each row."""

import numpy as np
import peers


def with_numpy(a, scale, shift, b, **_):
    """Pass by pass, in place."""

    def run():
        np.subtract(a, a.mean(axis=1, keepdims=True), out=b)
        factor = 1 / np.sqrt(np.einsum("ij,ij->i", b, b)[:, None] / a.shape[1] + np.float32(1e-5))
        np.multiply(b, factor, out=b)
        np.multiply(b, scale, out=b)
        np.add(b, shift, out=b)

    return run


def with_torch(*arrays, **_):
    """torch's own kernel."""
    import torch

    a, scale, shift, _ = peers.torch_tensors(arrays)

    def run():
        with torch.inference_mode():
            return torch.nn.functional.layer_norm(a, scale.shape, scale, shift)

    return run


PEERS = {"numpy": with_numpy, "torch": with_torch}
