"""The parts of the interpreter: memory, arguments, the emitter of Python source, threads, the sanitizer."""
