"""A worker whose only content is weights: BENCH_BYTES on the GPU, in blocks that are known by their first and last byte."""

import os

import torch
from orch_sdk import serve

BYTES = int(os.environ["BENCH_BYTES"])
BLOCK = min(256 << 20, BYTES)


def mark(index):
    """What a block is filled with: never 0, which fresh memory may hold."""
    return index % 250 + 1


class Weights:
    def load(self, params):
        staging = torch.empty(BLOCK, dtype=torch.uint8, pin_memory=True)
        self.gpu = []
        self.host = []
        for index in range(BYTES // BLOCK):
            staging.fill_(mark(index))
            self.gpu.append(torch.empty(BLOCK, dtype=torch.uint8, device="cuda"))
            self.gpu[-1].copy_(staging)
        torch.cuda.synchronize()

    def run(self, params, ctx):
        for index, block in enumerate(self.gpu):
            if not int(block[0]) == int(block[-1]) == mark(index):
                raise RuntimeError(f"block {index} of the weights is not what it was")
        return {"blocks": len(self.gpu)}

    def sleep(self):
        # Page-locked once, at the first sleep: copies from and to such memory go at the full rate.
        if not self.host:
            self.host = [torch.empty(BLOCK, dtype=torch.uint8, pin_memory=True) for _ in self.gpu]
        for host, block in zip(self.host, self.gpu):
            host.copy_(block)
        self.gpu = []
        block = None
        torch.cuda.synchronize()
        torch.cuda.empty_cache()

    def wake(self):
        self.gpu = []
        for host in self.host:
            self.gpu.append(torch.empty(BLOCK, dtype=torch.uint8, device="cuda"))
            self.gpu[-1].copy_(host, non_blocking=True)
        torch.cuda.synchronize()


serve(Weights())
