/** Longest sentence that is taken over from a server. */
const MAX_CHARACTERS = 1_000;
/** Of a page that is looked at: taking its tags out costs the square of its length at worst. */
const MAX_PAGE_CHARACTERS = 8_192;

/** Where servers put the sentence: OpenAI {error:{message}}, FastAPI {detail}, Cog {error}, WebUIs {errors} {message}. */
const KEYS = ["error", "detail", "message", "msg", "errors"] as const;

/** What a server says in the body of a refusal: the sentence in it if it is JSON, else its text. Empty = nothing. */
export function messageIn(body: string): string {
  let message: string;
  try {
    message = sentenceIn(JSON.parse(body)) ?? body;
  } catch {
    message = /^\s*</.test(body) ? textOfPage(body) : body;
  }
  const clean = message.trim();
  return clean.length > MAX_CHARACTERS ? `${clean.slice(0, MAX_CHARACTERS)}…` : clean;
}

/** The sentence in what a server sent as an error; null when there is none. */
export function sentenceIn(value: unknown): string | null {
  if (typeof value === "string") return value === "" ? null : value;
  if (Array.isArray(value)) {
    const sentences = value.map(sentenceWithPlace).filter((sentence) => sentence !== null);
    return sentences.length === 0 ? null : sentences.join("; ");
  }
  if (typeof value !== "object" || value === null) return null;
  for (const key of KEYS) {
    const found = sentenceIn((value as Record<string, unknown>)[key]);
    if (found !== null) return found;
  }
  return null;
}

/** FastAPI: {loc: ["body", "prompt"], msg: "Field required"}. */
function sentenceWithPlace(value: unknown): string | null {
  const sentence = sentenceIn(value);
  const place: unknown =
    typeof value === "object" && value !== null && "loc" in value ? value.loc : undefined;
  return sentence !== null && Array.isArray(place) ? `${place.join(".")}: ${sentence}` : sentence;
}

function textOfPage(body: string): string {
  const page = body.slice(0, MAX_PAGE_CHARACTERS);
  const title = /<title>([^<]*)<\/title>/i.exec(page)?.[1];
  return title ?? page.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
}
