"""A padded convolution, and a trace as tuning leaves it: for us and for TVM."""

TEXT = """
@T.prim_func
def main(X: T.Buffer((1, 56, 56, 64), "float32"), W: T.Buffer((3, 3, 64, 64), "float32"), Y: T.Buffer((1, 56, 56, 64), "float32")):
    P = T.alloc_buffer((1, 58, 58, 64), "float32")
    S = T.alloc_buffer((1, 56, 56, 64), "float32")
    for n, h, w, c in T.grid(1, 58, 58, 64):
        with T.block("pad"):
            vn, vh, vw, vc = T.axis.remap("SSSS", [n, h, w, c])
            T.reads(X[vn, vh - 1, vw - 1, vc])
            T.writes(P[vn, vh, vw, vc])
            P[vn, vh, vw, vc] = T.if_then_else(
                vh >= 1 and vh < 57 and vw >= 1 and vw < 57, X[vn, vh - 1, vw - 1, vc], T.float32(0)
            )
    for n, h, w, co, kh, kw, ci in T.grid(1, 56, 56, 64, 3, 3, 64):
        with T.block("conv"):
            vn, vh, vw, vco, vkh, vkw, vci = T.axis.remap("SSSSRRR", [n, h, w, co, kh, kw, ci])
            T.reads(P[vn, vh + vkh, vw + vkw, vci], W[vkh, vkw, vci, vco])
            T.writes(S[vn, vh, vw, vco])
            with T.init():
                S[vn, vh, vw, vco] = T.float32(0)
            S[vn, vh, vw, vco] = S[vn, vh, vw, vco] + P[vn, vh + vkh, vw + vkw, vci] * W[vkh, vkw, vci, vco]
    for n, h, w, co in T.grid(1, 56, 56, 64):
        with T.block("relu"):
            vn, vh, vw, vco = T.axis.remap("SSSS", [n, h, w, co])
            T.reads(S[vn, vh, vw, vco])
            T.writes(Y[vn, vh, vw, vco])
            Y[vn, vh, vw, vco] = T.max(S[vn, vh, vw, vco], T.float32(0))
"""  # noqa: E501 - a user would write it so
TVM_TEXT = (
    TEXT.replace("@T.prim_func", "@T.prim_func(s_tir=True)")
    .replace("T.block", "T.sblock")
    .replace("T.alloc_buffer", "T.sblock_alloc_buffer")
)

TILES = {
    "n": [1, 1, 1, 1],
    "h": [7, 2, 1, 4],
    "w": [4, 2, 7, 1],
    "co": [2, 1, 1, 32],
    "kh": [1, 3],
    "kw": [3, 1],
    "ci": [16, 4],
}


def tune(sch, get_block):
    """Multi-level tiling with sampled sizes, a fused epilogue, the padding computed in tiles, threads and vectors."""
    conv, relu, pad, root = get_block("conv"), get_block("relu"), get_block("pad"), get_block("root")
    sch.annotate(conv, "meta_schedule.tiling_structure", "SSRSRS")
    loops = sch.get_loops(conv)
    tiles = []
    for loop, sizes in zip(loops, TILES.values()):
        factors = sch.sample_perfect_tile(loop, len(sizes), 64, decision=sizes)
        tiles.append(sch.split(loop, factors))
    n, h, w, co, kh, kw, ci = tiles
    spatial, reduction = (n, h, w, co), (kh, kw, ci)
    order = [[t[level] for t in group] for level, group in ((0, spatial), (1, spatial), (0, reduction))]
    order += [[t[level] for t in group] for level, group in ((2, spatial), (1, reduction), (3, spatial))]
    sch.reorder(*[loop for level in order for loop in level])
    cache = sch.cache_write(conv, 0, "global")
    sch.reverse_compute_at(cache, co[1], preserve_unit_loops=True)
    sch.reverse_compute_inline(relu)
    sch.annotate(root, "meta_schedule.parallel", 16)
    sch.annotate(root, "meta_schedule.vectorize", 32)
    unroll = sch.sample_categorical([0, 16, 64, 512], [0.25, 0.25, 0.25, 0.25], decision=2)
    sch.annotate(root, "meta_schedule.unroll_explicit", unroll)
    sch.compute_at(pad, co[1], preserve_unit_loops=True)
    sch.enter_postproc()
    for key in ("parallel", "vectorize", "unroll_explicit"):
        sch.unannotate(root, "meta_schedule." + key)
    outer = sch.get_loops(conv)[:4]
    sch.parallel(sch.fuse(*outer))
    sch.vectorize(sch.fuse(sch.get_loops(conv)[-1]))
    sch.annotate(sch.get_loops(conv)[0], "pragma_auto_unroll_max_step", 64)
    sch.annotate(sch.get_loops(conv)[0], "pragma_unroll_explicit", 1)
    for block in (pad, cache):
        last = sch.get_loops(block)[-2:]
        fused = sch.fuse(*last)
        outer, inner = sch.split(fused, [None, 32])
        sch.vectorize(inner)
        sch.annotate(sch.get_loops(block)[0], "pragma_auto_unroll_max_step", 64)
    block = get_block("conv")
    init = sch.decompose_reduction(block, sch.get_loops(block)[5])
    for part in (init, block):
        sch.annotate(part, "tuned", 1)
