"""Program of the runtime charlm-train: text file in, model.charlm and its perplexity on unseen text out."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "charlm"))

import charlm  # noqa: E402  (found through the line above)
from orch_sdk import job  # noqa: E402

MIN_CHARACTERS = 200
HELD_OUT_FRACTION = 0.1
MAX_NAME_LENGTH = 100

# Share of the whole that each phase takes, measured on 500 KB of English.
COUNTED, MEASURED = 0.7, 0.95


def main():
    ctx = job()
    path = ctx.params["text"]
    order = int(ctx.params.get("order", 6))
    name = str(ctx.params.get("name") or os.path.splitext(os.path.basename(path))[0])[:MAX_NAME_LENGTH]

    ctx.progress(0.0, "reading")
    text = charlm.read_text(path)
    if len(text) < MIN_CHARACTERS:
        raise charlm.ModelError(f"{path} has {len(text)} characters; training needs at least {MIN_CHARACTERS}")
    training, held_out = charlm.split_text(text, HELD_OUT_FRACTION)

    model = charlm.train(training, order, name, lambda done, words: ctx.progress(done * COUNTED, words))

    def show_measuring(done):
        ctx.progress(COUNTED + done * (MEASURED - COUNTED), "measuring on unseen text")

    result = model.evaluate(held_out, training, show_measuring)

    ctx.progress(MEASURED, "saving")
    ctx.save("model.charlm", model.to_bytes(), type="application/gzip")
    ctx.output(
        {
            "name": name,
            "perplexity": result["perplexity"],
            "bitsPerCharacter": result["bitsPerCharacter"],
            "unknownCharacters": result["unknownCharacters"],
            "characters": len(text),
            "alphabet": len(model.alphabet),
            "order": order,
            "heldOutFraction": HELD_OUT_FRACTION,
        }
    )
    ctx.progress(1.0, "done")


if __name__ == "__main__":
    try:
        main()
    except (charlm.ModelError, OSError, MemoryError) as error:
        sys.stderr.write(f"charlm-train: {error}\n")
        sys.exit(2)
