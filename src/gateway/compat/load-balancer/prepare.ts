import type { Json } from "../../../std/json.ts";
import { isObject, parseObject } from "../parse-object.ts";
import { dataUri, type Media, type Medium } from "./media.ts";
import { type ModelKind, tokensAsked } from "./models.ts";
import { Refusal } from "./refusal.ts";
import type { Message, Sessions } from "./sessions.ts";

/** What a client wants of a model, read and checked. */
export interface Order {
  readonly model: string;
  /** As it came. */
  readonly given: Readonly<Record<string, Json>>;
  readonly session: string | null;
  /** By which the session is remembered: that of another user is another one. */
  readonly memory: string | null;
}

type Fields = Readonly<Record<string, Json>>;

/** Reads the body of `POST /infer`. @param uid of the caller. @throws Refusal */
export function readOrder(body: Buffer, uid: number): Order {
  const asked = parseObject(body);
  if (asked === null) throw new Refusal(400, "The request body must be a JSON object.");
  const { model_name: model, request_body: given } = asked;
  if (typeof model !== "string" || model === "") throw new Refusal(400, "`model_name` is required.");
  if (given === undefined || given === null)
    throw new Refusal(400, "model_name and request_body are required.");
  if (!isObject(given)) throw new Refusal(400, "`request_body` must be a JSON object.");
  const named = given["session_id"];
  const session = typeof named === "string" && named !== "" ? named : null;
  return { model, given, session, memory: session === null ? null : `${uid} ${session}` };
}

/** A request to a server that speaks as OpenAI's does, and how its answer becomes the model's own. */
export interface Prepared {
  readonly kind: ModelKind;
  readonly order: Order;
  /** Of a chat. */
  readonly input: string;
  readonly images: readonly Medium[];
  readonly history: readonly Message[];
  readonly maxTokens: number;
  /** Of a transcription. */
  readonly sound: Medium | null;
  /** Of an embedding. */
  readonly texts: readonly string[];
  readonly hasManyTexts: boolean;
}

const MOST_IMAGES = 8;

/** Checks what came with a request, and reads its pictures and sounds. @throws Refusal */
export async function prepare(
  kind: ModelKind,
  order: Order,
  { media, sessions }: { readonly media: Media; readonly sessions: Sessions },
): Promise<Prepared> {
  const { given } = order;
  const none = { ...{ kind, order, input: "", images: [], history: [], maxTokens: 0 }, ...noMedia };
  if (kind.kind === "transcription") {
    if (!isObject(given["audio"])) throw new Refusal(400, `'audio' is required for ${kind.name}`);
    return { ...none, sound: await media.sound(given["audio"]) };
  }
  if (kind.kind === "embedding") {
    const texts = textsIn(given);
    if (texts === null) throw new Refusal(400, `'text' or 'texts' is required for ${kind.name}`);
    return { ...none, texts, hasManyTexts: Array.isArray(given["texts"]) };
  }
  const images = await imagesIn(kind, given, media);
  const input = given["input"];
  if (typeof input !== "string" || input === "")
    throw new Refusal(400, `'input' is required for ${kind.name}`);
  const isRemembered = kind.remembers && images.length === 0;
  return {
    ...none,
    input,
    images,
    history: isRemembered && order.memory !== null ? sessions.recall(order.memory) : [],
    maxTokens: tokensAsked(
      given["max_new_tokens"],
      images.length > 0 ? kind.maxTokens.images : kind.maxTokens.text,
    ),
  };
}

const noMedia = { sound: null, texts: [], hasManyTexts: false };

/** `texts` wins over `text`; null where neither holds any. */
function textsIn({ text, texts }: Fields): string[] | null {
  if (Array.isArray(texts) && texts.length > 0 && texts.every((each) => typeof each === "string"))
    return [...texts] as string[];
  return typeof text === "string" && text !== "" ? [text] : null;
}

async function imagesIn(kind: ModelKind, given: Fields, media: Media): Promise<Medium[]> {
  if (kind.images === "none") return [];
  const asked = given["images"];
  const items = Array.isArray(asked)
    ? (asked as Json[])
    : asked === undefined || asked === null
      ? []
      : [asked];
  if (items.length === 0 && kind.images === "required")
    throw new Refusal(400, `'images' is required for ${kind.name}`);
  if (items.length > MOST_IMAGES)
    throw new Refusal(400, {
      error: "too_many_images",
      message: `${items.length} images are more than ${MOST_IMAGES}`,
    });
  const page = tokensAsked(given["pdf_page"], 0);
  return Promise.all(items.map((item, index) => media.image(`images[${index}]`, item, page)));
}

/** What a runtime that is no server of this kind gets as params, as far as it declares them. */
export function paramsOf(prepared: Prepared): Record<string, Json> {
  const { kind, order, images, history, maxTokens, sound, texts, hasManyTexts, input } = prepared;
  const read: Record<string, Json> = { ...order.given };
  if (images.length > 0) read["images"] = images.map(dataUri);
  if (sound !== null) read["audio"] = { data: dataUri(sound), format: sound.type.split("/")[1] ?? "" };
  if (kind.kind === "embedding" && hasManyTexts) read["texts"] = [...texts];
  if (kind.kind === "chat")
    Object.assign(
      read,
      { prompt: input, max_new_tokens: maxTokens, ...kind.sampling },
      {
        messages: [...history, { role: "user", content: input }],
      },
    );
  return read;
}
