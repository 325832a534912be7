"""The lowering passes, one a file: each a function from a `PrimFunc` and a `Target` to a `PrimFunc`."""
