/** What the load balancer knew of a model. */
export interface ModelKind {
  readonly name: string;
  /** How its requests and answers look. */
  readonly kind: "chat" | "transcription" | "embedding";
  /** Of a chat: whether pictures may come with it, or must. */
  readonly images: "none" | "optional" | "required";
  /** Whether text chats of one session remember what was said. */
  readonly remembers: boolean;
  /** Tokens of an answer when nobody says how many: for text, and with pictures. */
  readonly maxTokens: { readonly text: number; readonly images: number };
  /** Tokens of its context: a longer answer cannot be, so that no limit is asked for then. */
  readonly contextTokens: number;
  /** Sampling, which clients could not set. */
  readonly sampling: Readonly<Record<string, number>>;
  readonly timeoutSeconds: number;
  /** Whether clients are told "auto" for the GPU. */
  readonly spreadsOverGpus: boolean;
}

const BASE = { temperature: 0.7, top_p: 0.9 };
/** Servers of one kind read the first name, those of another the second. */
const repetition = (penalty: number) => ({ repetition_penalty: penalty, repeat_penalty: penalty });

const chat = {
  kind: "chat",
  images: "none",
  remembers: false,
  maxTokens: { text: 2048, images: 2048 },
  contextTokens: 32_768,
  sampling: BASE,
  timeoutSeconds: 600,
  spreadsOverGpus: false,
} as const;

/** The models, in the order in which workers are numbered. */
export const modelKinds: readonly ModelKind[] = [
  {
    ...chat,
    name: "gemma3",
    images: "optional",
    remembers: true,
    maxTokens: { text: 200_000, images: 400_000 },
    contextTokens: 10_000,
    sampling: { ...BASE, ...repetition(1.15) },
  },
  { ...chat, name: "qwen", images: "required", timeoutSeconds: 180 },
  {
    ...chat,
    name: "qwen3",
    maxTokens: { text: 32_768, images: 32_768 },
    contextTokens: 15_000,
    sampling: { ...BASE, top_k: 50, ...repetition(1.1) },
    spreadsOverGpus: true,
  },
  { ...chat, name: "whissent", kind: "transcription" },
  { ...chat, name: "qwen3_embedding", kind: "embedding", spreadsOverGpus: true },
];

/** What is known of a model; another one chats, with pictures or without. */
export function modelKind(name: string): ModelKind {
  return modelKinds.find((kind) => kind.name === name) ?? { ...chat, name, images: "optional" };
}

/** `max_new_tokens` as clients send it: an integer or a digit string of at least 1; for all else the default. */
export function tokensAsked(given: unknown, fallback: number): number {
  const number = typeof given === "string" && /^\d{1,15}$/.test(given.trim()) ? Number(given) : given;
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 1 ? number : fallback;
}
