"""The Gaussian error linear unit; numpy has no error function."""

import peers


def with_torch(*arrays, **_):
    """torch's own kernel."""
    import torch

    a, b = peers.torch_tensors(arrays)

    def run():
        with torch.inference_mode():
            torch.ops.aten.gelu.out(a, out=b)

    return run


PEERS = {"torch": with_torch}
