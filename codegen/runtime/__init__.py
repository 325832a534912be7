"""What compiled code stands on: the JIT, the thread pool, the native call entry and its checks.

A backend writes kernels in LLVM IR, describes each by a `signature.Signature`, and needs three calls:

    library = jit.load(jit.compile(text, options), native.symbols())   # tir_parallel_for, tir_alloc, tir_free linked in
    function = entry.bind(signature, library, "symbol_of_the_kernel")  # what users call
    codes.OUT_OF_MEMORY, codes.message(i)                              # what kernels return instead of 0

Native code is LLVM IR throughout, so that no C compiler is needed: `pool.ll`, `memory.ll` and `call.ll` are compiled
once per process (native.py), and each signature's entry is written by emit.py. The Python side of a call (arguments.py,
explain.py) runs only for arguments that the entry refuses: it adapts them or says what is wrong.
"""
