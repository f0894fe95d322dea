"""Worker of the runtime charlm: loads one character model and continues prompts with it."""

import os
import random
import sys

import charlm
from orch_sdk import serve

CHECK_EVERY = 64


class Handler:
    def load(self, params):
        self.model = charlm.load(params["model"])
        sys.stderr.write(f"loaded {os.path.basename(params['model'])}: order {self.model.order}\n")

    def run(self, params, ctx):
        prompt = charlm.normalize(params.get("prompt") or "")
        length = int(params.get("length", 400))
        temperature = float(params.get("temperature", 0.8))
        seed = params.get("seed")
        if seed is None:
            seed = random.SystemRandom().randrange(2**31)
        pieces = []
        for index, character in enumerate(self.model.generate(prompt, length, temperature, int(seed))):
            if index % CHECK_EVERY == 0:
                if ctx.cancelled:
                    return None
                ctx.progress(index / length, f"character {index}/{length}")
            pieces.append(character)
            ctx.write(character)
        ctx.progress(1.0, f"character {length}/{length}")
        # What it makes in one step, a token, is a character.
        usage = {"prompt_tokens": len(prompt), "completion_tokens": length, "total_tokens": len(prompt) + length}
        return {
            "text": "".join(pieces),
            "prompt": prompt,
            "seed": int(seed),
            "temperature": temperature,
            "finishReason": "length",
            "usage": usage,
        }


if __name__ == "__main__":
    serve(Handler())
