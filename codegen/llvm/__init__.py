"""The LLVM backend: lowered functions as LLVM IR text."""
