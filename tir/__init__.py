"""The language: nodes of the IR and what can be known about them."""
