import type { IncomingMessage } from "node:http";
import { formatBytes } from "../../std/bytes.ts";
import { Failure } from "../../std/failure.ts";
import { TooMany } from "../too-many.ts";

/** Reads bodies into memory, as much as may be there at once. */
export interface Bodies {
  /**
   * The body, whole. Its memory counts until the answer is over.
   * @throws Failure request/too-large; TooMany when those that wait take too much memory together; interrupted
   */
  read(request: IncomingMessage, signal: AbortSignal): Promise<Buffer>;
}

/** Of all that wait, together, in bodies of the largest size. */
const MOST_AT_ONCE = 16;
const TRY_AGAIN_MS = 2_000;
/** Smaller ones are limited by the number of connections. */
const UNCOUNTED_BYTES = 64 * 1024;

/** @param maxBytes of one body */
export function createBodies(maxBytes: number): Bodies {
  let heldBytes = 0;
  const tooLarge = (): Failure =>
    new Failure("request/too-large", `the body of the request is larger than ${formatBytes(maxBytes)}`, {
      hint: "gateway.maxBody in config.yaml sets the limit",
    });
  return {
    read: (request, signal) =>
      new Promise((resolve, reject) => {
        if (Number(request.headers["content-length"] ?? 0) > maxBytes) return reject(tooLarge());
        const chunks: Buffer[] = [];
        let bytes = 0;
        const release = (): void => {
          heldBytes -= bytes;
          bytes = 0;
        };
        const refuse = (failure: Failure): void => {
          request.removeAllListeners("data");
          request.pause();
          release();
          reject(failure);
        };
        request.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          heldBytes += chunk.length;
          if (bytes > maxBytes) return refuse(tooLarge());
          if (heldBytes > maxBytes * MOST_AT_ONCE) return refuse(tooMuch());
          chunks.push(chunk);
        });
        request.once("error", () => {
          release();
          reject(new Failure("interrupted", "the caller has gone"));
        });
        request.once("end", () => {
          if (bytes <= UNCOUNTED_BYTES || signal.aborted) release();
          else signal.addEventListener("abort", release, { once: true });
          const [first] = chunks;
          resolve(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks));
        });
      }),
  };
}

function tooMuch(): TooMany {
  return new TooMany("request/too-many", "the requests that wait are too large together", TRY_AGAIN_MS);
}
