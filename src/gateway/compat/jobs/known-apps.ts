import type { CostRule } from "./options.ts";

/** A parameter of an app, as its clients send it: a text, a number or true/false. */
export interface Parameter {
  readonly name: string;
  readonly type: "string" | "integer" | "float";
  readonly required: boolean;
  /** Null = none: left out, the app has its own. */
  readonly default: string | number | boolean | null;
  readonly description: string;
  readonly min?: number;
  readonly max?: number;
}

/** What is known of an app whose file says nothing of it. */
export interface KnownApp {
  /** Other ids of it. */
  readonly aliases: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly vramGb: number | null;
  readonly cost: CostRule | null;
  /** What runtimes call its parameters, where they do not have them by the app's name. */
  readonly alsoCalled: Readonly<Record<string, readonly string[]>>;
  /** Names in the result that repeat what the job was asked for, unless its output has them. */
  readonly echoed: readonly string[];
}

const text = (name: string, fallback: string | null = null): Parameter => ({
  name,
  type: "string",
  required: false,
  default: fallback,
  description: "",
});
const needed = (name: string): Parameter => ({ ...text(name), required: true });
const whole = (name: string, fallback: number | null, min?: number, max?: number): Parameter => ({
  ...text(name),
  type: "integer",
  default: fallback,
  ...(min === undefined ? {} : { min }),
  ...(max === undefined ? {} : { max }),
});
const real = (name: string, fallback: number, min?: number, max?: number): Parameter => ({
  ...whole(name, fallback, min, max),
  type: "float",
});

const GUIDANCE = ["guidance", "cfg_scale"];

/** The apps that the job orchestrator's clients know. */
export const knownApps: Readonly<Record<string, KnownApp>> = {
  "sdxl-image-gen": {
    aliases: ["stabilityai/stable-diffusion-xl-base-1.0", "sdxl-local", "sdxl-cloud"],
    parameters: [
      needed("prompt"),
      text("negative_prompt", ""),
      whole("width", 1024),
      whole("height", 1024),
      whole("num_inference_steps", 50, 20, 100),
      real("guidance_scale", 7.5, 1, 20),
      whole("seed", 42),
    ],
    vramGb: 12,
    cost: { perSecond: 0.003, perJob: 0.015 },
    alsoCalled: { num_inference_steps: ["steps"], guidance_scale: GUIDANCE },
    echoed: ["width", "height", "seed", "steps", "guidance_scale"],
  },
  "z-image": {
    aliases: ["Tongyi-MAI/Z-Image-Turbo"],
    parameters: [
      needed("prompt"),
      text("resolution", "1024x1024"),
      whole("seed", 42),
      whole("steps", 9, 1, 100),
      real("shift", 3, 1, 10),
    ],
    vramGb: 16,
    cost: { perSecond: 0.002, perJob: 0.01 },
    alsoCalled: { steps: ["num_inference_steps"] },
    echoed: ["width", "height", "seed", "steps"],
  },
  "panorama-processor": {
    aliases: [],
    parameters: [
      needed("operation"),
      needed("image_data"),
      text("prompt"),
      real("guidance_scale", 7.5),
      whole("target_width", null),
      whole("target_height", null),
      whole("num_inference_steps", null),
    ],
    vramGb: null,
    cost: null,
    alsoCalled: { guidance_scale: GUIDANCE },
    echoed: [],
  },
  "whisper-stt": {
    aliases: [],
    parameters: [needed("audio_path")],
    vramGb: 4,
    cost: null,
    alsoCalled: { audio_path: ["audio", "file"] },
    echoed: [],
  },
  "whisper-cloud": {
    aliases: [],
    parameters: [needed("audio_url")],
    vramGb: 4,
    cost: null,
    alsoCalled: { audio_url: ["url", "audio"] },
    echoed: [],
  },
};

/** What is known of an app by one of its ids. */
export function knownApp(id: string): KnownApp | null {
  if (Object.hasOwn(knownApps, id)) return knownApps[id] ?? null;
  return Object.values(knownApps).find(({ aliases }) => aliases.includes(id)) ?? null;
}
