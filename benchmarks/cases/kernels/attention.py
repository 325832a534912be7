"""Scaled dot-product attention of several heads."""

import numpy as np
import peers


def with_numpy(q, k, v, out, width, **_):
    """Two matrix products and a softmax, with the scores in memory."""

    def run():
        score = np.matmul(q, k.transpose(0, 2, 1))
        score *= np.float32(width**-0.5)
        np.subtract(score, score.max(axis=2, keepdims=True), out=score)
        np.exp(score, out=score)
        np.matmul(score, v, out=out)
        np.divide(out, score.sum(axis=2, keepdims=True), out=out)

    return run


def with_torch(*arrays, **_):
    """torch's own kernel, which does not keep the scores either."""
    import torch

    q, k, v, _ = (tensor[None] for tensor in peers.torch_tensors(arrays))

    def run():
        with torch.inference_mode():
            return torch.nn.functional.scaled_dot_product_attention(q, k, v)

    return run


PEERS = {"numpy": with_numpy, "torch": with_torch}
