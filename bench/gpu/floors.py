"""Prints one JSON document: what the GPU is, and how fast page-locked memory is copied to it and back."""

import json
import os
import sys
import time

try:
    import torch
except ImportError as error:
    print(json.dumps({"missing": f"PyTorch cannot be imported: {error}"}))
    sys.exit()
if not torch.cuda.is_available():
    print(json.dumps({"missing": "PyTorch sees no GPU"}))
    sys.exit()

BYTES = int(os.environ.get("BENCH_FLOOR_BYTES", 1 << 30))
ROUNDS = 5


def best_rate(target, source):
    """Bytes per second of the best of some copies: the floor is what the machine can do."""
    best = float("inf")
    for _ in range(ROUNDS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        target.copy_(source, non_blocking=True)
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return BYTES / best


host = torch.empty(BYTES, dtype=torch.uint8, pin_memory=True)
gpu = torch.empty(BYTES, dtype=torch.uint8, device="cuda")
free, total = torch.cuda.mem_get_info()
print(
    json.dumps(
        {
            "device": torch.cuda.get_device_name(0),
            "torch": torch.__version__,
            "totalBytes": total,
            "toGpuPerS": best_rate(gpu, host),
            "toHostPerS": best_rate(host, gpu),
        }
    )
)
