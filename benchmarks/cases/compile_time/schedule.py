"""A fresh schedule and eleven primitives on a plain matmul, construction included."""

from _matmul import peers, primitives

PEERS = peers(primitives)
