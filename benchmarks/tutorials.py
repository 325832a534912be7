"""The schedules of the usual tutorials, which `examples/tutorials` explains, for us and for Apache TVM.

Each is a function of a schedule on the workload of its name, or of its name up to the last underscore.
"""

import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "examples", "tutorials"))

from attention import attention
from conv2d import conv2d_nchw, conv2d_nchw_packed
from fusion import dense, matmul_relu, row_sum, separable_blur
from matmul_cpu import matmul, matmul_packed
from matmul_gpu import matmul_gpu
from softmax import softmax, softmax_rows
from winograd import conv2d_winograd_nhwc

__all__ = [
    "attention",
    "conv2d_nchw",
    "conv2d_nchw_packed",
    "conv2d_winograd_nhwc",
    "dense",
    "matmul",
    "matmul_gpu",
    "matmul_packed",
    "matmul_relu",
    "row_sum",
    "separable_blur",
    "softmax",
    "softmax_rows",
]
