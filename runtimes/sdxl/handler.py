"""Worker of the runtime sdxl: Stable Diffusion XL through diffusers, text to image and image to image."""

import io
import secrets
import urllib.request

import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline
from orch_sdk import serve
from PIL import Image, ImageOps

SEED_LIMIT = 2**32
MAX_IMAGE_BYTES = 64 * 2**20
DOWNLOAD_TIMEOUT_S = 30


class Handler:
    def load(self, params):
        if not torch.cuda.is_available():
            raise RuntimeError("no GPU is visible: torch.cuda.is_available() is false")
        self.text_to_image = load_pipeline(params["model"])
        # The same weights under another pipeline. Built from the components, since from_pipe() may cast them.
        self.image_to_image = StableDiffusionXLImg2ImgPipeline(**self.text_to_image.components)
        for pipeline in (self.text_to_image, self.image_to_image):
            pipeline.set_progress_bar_config(disable=True)

    def run(self, params, ctx):
        seed = choose_seed(params.get("seed"))
        width, height = int(params.get("width", 1024)), int(params.get("height", 1024))
        arguments = {
            "prompt": params["prompt"],
            "negative_prompt": params.get("negative_prompt") or None,
            "num_inference_steps": int(params.get("steps", 30)),
            "guidance_scale": float(params.get("guidance", 5)),
            # A generator on the CPU gives the same noise on every GPU model.
            "generator": torch.Generator("cpu").manual_seed(seed),
            "callback_on_step_end": report_steps(ctx),
        }
        if params.get("image"):
            start = open_image(params["image"], width, height)
            strength = enough_strength(float(params.get("strength", 0.6)), arguments["num_inference_steps"])
            result = self.image_to_image(image=start, strength=strength, **arguments)
        else:
            result = self.text_to_image(width=width, height=height, **arguments)
        if ctx.cancelled:
            return None
        ctx.save("image.png", encode_png(result.images[0]), type="image/png")
        return {"seed": seed, "width": width, "height": height, "image": "image.png"}


def load_pipeline(model):
    """Loads the weights in half precision, from the fp16 files where the model has them."""
    try:
        pipeline = StableDiffusionXLPipeline.from_pretrained(
            model, torch_dtype=torch.float16, variant="fp16", use_safetensors=True
        )
    except (OSError, ValueError):
        # Many fine-tuned models have no fp16 variant. What else went wrong goes wrong here again, and is reported.
        pipeline = StableDiffusionXLPipeline.from_pretrained(model, torch_dtype=torch.float16)
    return pipeline.to("cuda")


def choose_seed(given):
    """The seed to use: absent or -1 means a random one, which goes into the output."""
    if given is None or int(given) < 0:
        return secrets.randbelow(SEED_LIMIT)
    return int(given) % SEED_LIMIT


def enough_strength(strength, steps):
    """diffusers runs int(steps * strength) steps and fails at none, so at least one is asked for."""
    return min(1.0, max(strength, 1.000001 / steps))


def report_steps(ctx):
    """A step callback that reports progress, and makes the pipeline skip its remaining steps when cancelled."""

    def on_step_end(pipeline, step, _timestep, tensors):
        total = max(1, pipeline.num_timesteps)
        # The last twentieth is for decoding the image.
        ctx.progress(0.95 * (step + 1) / total, f"step {step + 1}/{total}")
        if ctx.cancelled:
            pipeline._interrupt = True
        return tensors

    return on_step_end


def fetch(address):
    """Downloads a start image; what is larger than any real one is cut off and then fails to decode."""
    with urllib.request.urlopen(address, timeout=DOWNLOAD_TIMEOUT_S) as response:
        return io.BytesIO(response.read(MAX_IMAGE_BYTES))


def open_image(source, width, height):
    """Opens the start image, a path or a web address, upright, scaled and cut to the size asked for, as RGB."""
    is_web = source.lower().startswith(("http://", "https://"))
    with Image.open(fetch(source) if is_web else source) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    return ImageOps.fit(upright, (width, height), method=Image.Resampling.LANCZOS)


def encode_png(image):
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


if __name__ == "__main__":
    serve(Handler())
