"""A plain matmul from text to PrimFunc."""

from _matmul import TEXT, TVM_TEXT


def with_tensorir():
    """Text executes nothing."""
    from tensorir import script

    def run():
        script.parse(TEXT)

    return run


def with_tvm():
    """Text is executed."""
    from tvm import script

    def run():
        script.from_source(TVM_TEXT)

    return run


PEERS = {"tensorir": with_tensorir, "tvm": with_tvm}
