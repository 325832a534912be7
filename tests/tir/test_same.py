"""Structural equality: renaming, the path of the first difference, hashes that agree with it."""

import pytest
from tensorir.tir.buffer import Buffer, MatchBufferRegion, Range, decl_buffer
from tensorir.tir.dtype import HANDLE
from tensorir.tir.errors import UserError
from tensorir.tir.expr import TRUE, Add, Expr, Let, Var, const
from tensorir.tir.function import IRModule, PrimFunc
from tensorir.tir.node import Attrs
from tensorir.tir.op import call
from tensorir.tir.same import assert_structural_equal, first_difference, structural_equal, structural_hash
from tensorir.tir.stmt import Block, BlockRealize, BufferStore, Evaluate, IterType, IterVar, Stmt, loop, seq
from tensorir.tir.verify import verify
from tensorir.tir.visit import fresh


def scale(
    names: str = "ijAB", extent: int = 8, factor: float = 2.0, block: str = "B", symbolic: bool = False
) -> PrimFunc:
    """B[i] = A[i] * factor, as a block."""
    i, v = Var(names[0]), Var("v" + names[0])
    n: Expr = Var("n") if symbolic else const(extent)
    A, B = decl_buffer((n,), name=names[2]), decl_buffer((n,), name=names[3])
    body = Block(
        (IterVar(Range(const(0), n), v, IterType.SPATIAL),),
        (A[v : v + 1],),
        (B[v : v + 1],),
        block,
        BufferStore(B, A[v] * factor, (v,)),
    )
    root = Block((), (), (), "root", loop(i, n, BlockRealize((i,), TRUE, body)))
    a, b = Var("a", HANDLE), Var("b", HANDLE)
    out = PrimFunc((a, b), {a: A, b: B}, BlockRealize((), TRUE, root), attrs=Attrs(global_symbol="main"))
    verify(out)
    return out


@pytest.mark.parametrize("symbolic", [False, True])
def test_names_do_not_matter(symbolic: bool) -> None:
    a, b = scale(symbolic=symbolic), scale("xyCD", block="other", symbolic=symbolic)
    assert_structural_equal(a, b)
    assert structural_hash(a) == structural_hash(b)


@pytest.mark.parametrize(
    "other,path",
    [
        (scale(extent=9), ".buffer_map[a].shape[0].value"),
        (scale(factor=3.0), ".body.block.body.body.block.body.value.b.value"),
        (scale(symbolic=True), ".buffer_map[a].shape[0]"),
    ],
)
def test_the_path_of_the_first_difference(other: PrimFunc, path: str) -> None:
    found = first_difference(scale(), other)
    assert found is not None
    assert found[0] == path
    assert structural_hash(scale()) != structural_hash(other)
    with pytest.raises(UserError, match="the programs differ at"):
        assert_structural_equal(scale(), other)


def test_a_function_equals_its_fresh_copy() -> None:
    f = scale()
    copy = f.with_body(fresh(f.body))
    assert copy.body is not f.body
    assert_structural_equal(f, copy)


def test_renaming_is_one_to_one() -> None:
    i, j = Var("i"), Var("j")
    assert not structural_equal(i + j, i + i, map_free_vars=True)
    assert not structural_equal(i + i, i + j, map_free_vars=True)
    assert structural_equal(i + j, j + i, map_free_vars=True)
    assert not structural_equal(i + j, j + i)


def test_bound_variables_may_not_be_swapped_for_free_ones() -> None:
    i, j = Var("i"), Var("j")
    assert structural_equal(Let(i, const(1), i + 1), Let(j, const(1), j + 1))
    assert not structural_equal(Let(i, const(1), i + 1), Let(j, const(1), i + 1))
    assert not structural_equal(Let(i, const(1), j), Let(j, const(1), j))


def stores(first: Buffer, second: Buffer) -> Stmt:
    """A store to each buffer."""
    return seq(BufferStore(first, const(1.0), (const(0),)), BufferStore(second, const(1.0), (const(0),)))


def test_buffers_correspond_one_to_one() -> None:
    A, B, C, D = (decl_buffer((4,), name=name) for name in "ABCD")
    assert structural_equal(stores(A, B), stores(C, D), map_free_vars=True)
    assert not structural_equal(stores(A, B), stores(C, C), map_free_vars=True)
    assert not structural_equal(stores(A, A), stores(C, D), map_free_vars=True)


def test_types_and_numbers() -> None:
    assert not structural_equal(const(1), const(1, "int64"))
    assert not structural_equal(const(0.0, "float32"), const(-0.0, "float32"))
    assert structural_equal(const(float("nan"), "float32"), const(float("nan"), "float32"))
    assert not structural_equal(Attrs(a=1), Attrs(a=True))
    assert not structural_equal(Add(Var("i"), const(1)), const(1))


def test_modules() -> None:
    a = IRModule({"f": scale(), "g": scale(factor=3.0)})
    assert structural_equal(a, IRModule({"f": scale("xyCD"), "g": scale(factor=3.0)}))
    assert first_difference(a, IRModule({"f": scale()})) is not None
    assert structural_hash(a) != structural_hash(IRModule({"g": scale(), "f": scale(factor=3.0)}))


def test_strides_a_view_defines_are_bound_before_the_blocks_inside_are_compared() -> None:
    def viewing() -> PrimFunc:
        A, p, stride, i = decl_buffer((8,), name="A"), Var("A", HANDLE), Var("s"), Var("i")
        view = decl_buffer((1,), name="X", strides=(stride,))
        inner = Block((), (view[0:1],), (), "inner", BufferStore(view, const(1.0), (const(0),)))
        match = MatchBufferRegion(view, A[i : i + 1])
        outer = Block((), (), (), "outer", BlockRealize((), TRUE, inner), match_buffers=(match,))
        return PrimFunc((p,), {p: A}, loop(i, 8, BlockRealize((), TRUE, outer)))

    assert_structural_equal(viewing(), viewing())


def test_pointers_of_a_blocks_own_buffers_are_bound_before_its_body_is_compared() -> None:
    def program() -> PrimFunc:
        own = decl_buffer((4,), name="own")
        touch = Evaluate(call("call_extern", "f", own.data, dtype_="int32"))
        block = Block((), (), (), "root", touch, alloc_buffers=(own,))
        return PrimFunc((), {}, BlockRealize((), TRUE, block))

    assert_structural_equal(program(), program())


def test_a_size_may_be_computed_with_before_the_parameter_that_gives_it() -> None:
    def function() -> PrimFunc:
        n = Var("n")
        buffers = decl_buffer((n + 1,), name="A"), decl_buffer((n,), name="B")
        params = tuple(Var(b.name, "handle") for b in buffers)
        return PrimFunc(params, dict(zip(params, buffers, strict=True)), Evaluate(n))

    assert structural_equal(function(), function())
