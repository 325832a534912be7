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


def with_halide(q, k, v, out, heads, length, width):
    """Halide, scheduled by Adams2019."""
    import halide as hl

    d, j, i, h = (hl.Var(name) for name in "djih")
    numbers, keys = hl.RDom([(0, width)]), hl.RDom([(0, length)])
    query, key, value = (peers.halide_input(array, name) for array, name in ((q, "query"), (k, "key"), (v, "value")))
    names = ("score", "greatest", "power", "total", "mixed", "result")
    score, greatest, power, total, mixed, result = (hl.Func(name) for name in names)
    score[j, i, h] += query[numbers, i, h] * key[numbers, j, h]
    greatest[i, h] = hl.f32(-3.4e38)
    greatest[i, h] = hl.max(greatest[i, h], score[keys, i, h])
    power[j, i, h] = hl.fast_exp((score[j, i, h] - greatest[i, h]) * hl.f32(width**-0.5))
    total[i, h] += power[keys, i, h]
    mixed[d, i, h] += power[keys, i, h] * value[d, keys, h]
    result[d, i, h] = mixed[d, i, h] / total[i, h]
    return peers.halide_task(result, [(d, width), (i, length), (h, heads)], out)


PEERS = {"numpy": with_numpy, "torch": with_torch, "halide": with_halide}
