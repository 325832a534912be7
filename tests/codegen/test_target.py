"""Targets: values that print as what makes them again."""

from __future__ import annotations

import os

import pytest
from tensorir import Target, UserError
from tensorir.codegen.presets import CPUS, GPUS, lacking
from tensorir.codegen.target import host

TARGETS = (
    Target(),
    Target("llvm", cpu="skylake-avx512"),
    Target("llvm", cpu="haswell", num_threads=4, features="fma,-avx2"),
    Target("c"),
    Target("cuda", arch="sm_90a"),
    Target("cuda", arch="sm_86", num_multiprocessors=20),
    Target("llvm", cpu="neoverse-n1", triple="aarch64-unknown-linux-gnu"),
)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_repr_evaluates_to_the_target(target):
    again = eval(repr(target), {"Target": Target})
    assert again == target and hash(again) == hash(target) and again is not target
    assert Target(target) == target


def test_targets_differ_by_any_attribute():
    assert len(set(TARGETS)) == len(TARGETS)
    assert Target("llvm", num_threads=63) != Target("llvm")
    assert Target("llvm") != "llvm"


def test_the_host_is_the_default():
    target = Target("llvm")
    assert target.cpu == host()["cpu"] and not target.obstacle
    assert target.num_threads == len(os.sched_getaffinity(0))
    assert target.vector_bits >= 128 and target.l1_bytes >= 8192


def test_what_stands_in_the_way_of_running_code():
    assert Target("cuda").obstacle == "it is for a GPU"
    assert Target("llvm", triple="aarch64-unknown-linux-gnu").obstacle == "it is for aarch64-unknown-linux-gnu"
    assert Target("llvm", cpu="cortex-a76").obstacle == "this machine lacks neon, dotprod"
    assert "'athlon' needs is not known" in Target("llvm", cpu="athlon").obstacle
    features = {"sse2": True, **dict.fromkeys(lacking("haswell", (), {}) or (), True)}
    assert lacking("haswell", (), features) == []
    assert lacking("skylake", (), features) == ["adx"]
    assert lacking("skylake", ("-adx",), features) == []
    assert lacking("x86-64", ("+amx-tile",), features) == ["amx-tile"]


def test_spellings_of_tvm():
    assert Target("llvm -mcpu=haswell -num-cores=8") == Target("llvm", cpu="haswell", num_threads=8)
    assert Target("llvm -mattr=+avx2,fma") == Target("llvm", features=("+fma", "+avx2"))
    assert Target("cuda -arch=sm_80") == Target("cuda")


def test_presets():
    assert Target("llvm", cpu="skylake-avx512").vector_bits == 512
    assert Target("llvm", cpu="skylake-avx512").lanes(32) == 16
    assert Target("llvm", cpu="cortex-a72").vector_bits == 128
    assert Target("cuda", arch="sm_90a").max_shared_memory_per_block == 227 * 1024
    assert not Target("llvm", cpu="x86-64").has_fma and Target("llvm", cpu="haswell").has_fma
    assert all(Target("cuda", arch=arch).is_gpu for arch in GPUS)
    assert all(bits in (128, 256, 512) for _, bits, *_ in CPUS)


@pytest.mark.parametrize(
    ("make", "message"),
    (
        (lambda: Target("llvn"), "unknown target kind 'llvn'; one of 'llvm', 'c', 'cuda', 'cuda-emulator' is legal"),
        (lambda: Target("llvm", cores=3), "a target has no attribute 'cores'; it has arch, cpu, features,"),
        (lambda: Target("cuda", arch="sm_1"), "unknown CUDA architecture 'sm_1'; known are sm_70,"),
        (lambda: Target("llvm mcpu=x"), "cannot read 'mcpu=x' in the target 'llvm mcpu=x'"),
        (lambda: Target(""), "unknown target kind ''"),
        (lambda: Target(3), "a target is named by a text such as 'llvm' or 'cuda', got int"),
        (lambda: Target("llvm -num-cores=two"), "a target's num_threads is a number from 0 on, got str 'two'"),
        (lambda: Target("llvm", cpu=4), "a target's cpu is a text, got int 4"),
    ),
)
def test_mistakes(make, message):
    with pytest.raises(UserError) as info:
        make()
    assert message in str(info.value)


def test_targets_are_immutable():
    with pytest.raises(AttributeError, match=r"Target\(target, cpu=\.\.\.\)"):
        Target().cpu = "haswell"
