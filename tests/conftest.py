"""What all tests share: nodes refuse to be changed after construction."""

from tensorir.tir import node

node.guard()
