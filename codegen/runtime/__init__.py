"""What compiled code stands on: the JIT, the thread pool, the native call entry and its checks."""
