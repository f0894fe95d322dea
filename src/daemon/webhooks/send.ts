import { Failure } from "../../std/failure.ts";
import { packageVersion } from "../../std/package-version.ts";
import type { SafeFetch } from "../../std/safe-fetch/safe-fetch.ts";

/** What came of one try. */
export type Sent =
  | { readonly outcome: "told" }
  /** `afterMs`: as the other side asked. */
  | { readonly outcome: "failed"; readonly why: string; readonly afterMs: number }
  | { readonly outcome: "refused"; readonly why: string };

interface Message {
  readonly url: string;
  readonly id: string;
  readonly atMs: number;
  readonly body: Buffer;
  /** HMAC-SHA256 by the user's secret, base64. */
  readonly sign: (text: string) => string;
}

const TIMEOUT_MS = 10_000;
/** What it is answered with is of no interest. */
const MAX_ANSWER_BYTES = 65_536;
const LONGEST_ASKED_MS = 3_600_000;

/** Sends one webhook, signed as Standard Webhooks has it. Never rejects. */
export async function sendWebhook(fetch: SafeFetch, { url, id, atMs, body, sign }: Message): Promise<Sent> {
  const seconds = Math.floor(atMs / 1000);
  try {
    const signature = sign(`${id}.${seconds}.${body.toString()}`);
    const { status, headers, drop } = await fetch({
      ...{ url, what: "webhook", method: "POST", body, timeoutMs: TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES },
      headers: {
        "content-type": "application/json",
        "user-agent": `orch/${packageVersion()}`,
        "webhook-id": id,
        "webhook-timestamp": String(seconds),
        "webhook-signature": `v1,${signature}`,
      },
    });
    drop();
    if (status >= 200 && status < 300) return { outcome: "told" };
    if (status === 410) return { outcome: "refused", why: "it was answered with 410: it is gone" };
    const asked = Number(headers["retry-after"] ?? 0) * 1000;
    const afterMs = Number.isFinite(asked) ? Math.min(Math.max(0, asked), LONGEST_ASKED_MS) : 0;
    return { outcome: "failed", why: `it was answered with ${status}`, afterMs };
  } catch (error) {
    if (error instanceof Failure && error.code === "param/invalid")
      return { outcome: "refused", why: error.sentence };
    const why = error instanceof Failure ? error.sentence : String(error);
    return { outcome: "failed", why, afterMs: 0 };
  }
}
