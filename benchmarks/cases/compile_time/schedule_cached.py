"""A fresh schedule and fourteen primitives on a plain matmul: the eleven, and a write cache moved into the tile."""

from _matmul import cached, peers

PEERS = peers(cached)
