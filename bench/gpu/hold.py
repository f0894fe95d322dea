"""Takes BENCH_BYTES of the GPU, says "held" or "out of memory", and keeps them until its stdin is closed."""

import os
import sys

import torch

blocks = []
left = int(os.environ["BENCH_BYTES"])
try:
    while left > 0:
        size = min(256 << 20, left)
        blocks.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
        left -= size
    torch.cuda.synchronize()
    print("held", flush=True)
except torch.cuda.OutOfMemoryError as error:
    print(f"out of memory: {error}".splitlines()[0], flush=True)
sys.stdin.read()
