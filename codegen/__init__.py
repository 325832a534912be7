"""From programs to running code: lowering passes, backends, the interpreter and the runtime."""
