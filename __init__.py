"""tensorir: TensorIR for Python programmers. This module is the facade: it re-exports what users name."""
