"""Run by test_sanitized.py in a process of its own: builds C with the compiler's sanitizers and runs it on arrays.

    python sanitized.py FOLDER-OF-TESTS (workloads | schedules | examples) (c | llvm)

"schedules" are those of test_backends.py, "examples" those of examples/schedules for shapes that do not divide. Prints
how many functions ran. A report of a sanitizer ends the process. LLVM's code is for a processor without AVX-512,
which valgrind does not know.
"""

import importlib
import sys
import types
from collections.abc import Iterator

import numpy as np
from tensorir import IRModule, PrimFunc, Target, build, parse

FLAGS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1")


def tests(folder: str, name: str) -> types.ModuleType:
    """A module of the tests, as part of a package made of their folder."""
    package = types.ModuleType("suite")
    package.__path__ = [folder]
    sys.modules["suite"] = package
    return importlib.import_module(f"suite.{name}")


def examples(folder: str) -> Iterator[tuple[str, tuple[PrimFunc, list[np.ndarray]]]]:
    """The hand schedules for the shapes that their own test takes, with arrays."""
    cases = tests(folder, "examples.test_schedules")
    sys.path.insert(0, str(cases.FOLDER))
    for name, shapes in cases.ODD.items():
        kernel = importlib.import_module(name)
        for sizes in shapes:
            shape = dict(zip(kernel.SHAPES[0], sizes, strict=True))
            yield "_".join([name, *map(str, sizes)]), (kernel.schedule(**shape).mod["main"], kernel.arrays(**shape))


def main() -> None:
    folder, which, backend = sys.argv[1:]
    if which == "examples":
        given = dict(examples(folder))
    elif which == "workloads":
        programs = tests(folder, "codegen.workloads").PROGRAMS
        given = {name: (parse(text), arguments()) for name, (text, arguments) in programs.items()}
    else:
        backends = tests(folder, "codegen.test_backends")
        given = {}
        for type_ in ("float32", "int8", "bfloat16", "int64"):
            for name, func in backends.scheduled(type_).items():
                arrays = [np.ones([e.value for e in b.shape], b.dtype.numpy) for b in func.buffers]
                given[f"{name}_{type_}"] = (func, arrays)
    module = IRModule({name: func for name, (func, _) in given.items()})
    mod = build(module, "c", opt=1, flags=FLAGS) if backend == "c" else build(module, Target("llvm", cpu="haswell"))
    for name, (_, arguments) in given.items():
        mod[name](*arguments)
    print(len(given))


main()
