"""The language: nodes of the IR and what can be known about them."""

# First of all, since expressions and what builds them need one another.
from . import expr
