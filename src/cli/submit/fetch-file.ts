import { mkdir, open, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { formatBytes } from "../../std/bytes.ts";
import { errnoOf, Failure } from "../../std/failure.ts";
import { extensionOf, mimeTypeOf } from "../../std/mime-type.ts";

/** Larger inputs are better fetched once by hand and named by their path. */
const MAX_BYTES = 4 * 2 ** 30;
/** A server that sends nothing for so long is given up. */
const SILENCE_MS = 30_000;

export interface Fetching {
  /** Folder of its own that the file is put into; made here, for this user alone. */
  readonly dir: string;
  readonly signal: AbortSignal;
  /** Default: 4 GiB. */
  readonly maxBytes?: number;
  /** Called as bytes arrive. `totalBytes` is what the server announced, if it did. */
  readonly onBytes?: (bytes: number, totalBytes: number | null) => void;
}

/**
 * Fetches a file by http or https and gives its path. Its name is that of the address; where that has no extension, one
 * is added for the type that the server names. Failures show the address without its query, which may hold a secret.
 * @throws Failure file/unreadable, usage/invalid, interrupted
 */
export async function fetchFile(address: string, fetching: Fetching): Promise<string> {
  const url = webAddress(address);
  const shown = `${url.origin}${url.pathname}`;
  const silence = createSilence(fetching.signal);
  let path: string | undefined;
  try {
    const response = await fetch(url, { signal: silence.signal });
    if (!response.ok) throw unfetched(shown, `the server answered ${response.status} ${response.statusText}`);
    const totalBytes = announced(response);
    const maxBytes = fetching.maxBytes ?? MAX_BYTES;
    if (totalBytes !== null && totalBytes > maxBytes) throw tooLarge(shown, maxBytes);
    await mkdir(fetching.dir, { recursive: true, mode: 0o700 });
    path = join(fetching.dir, nameOf(url, response.headers.get("content-type")));
    // Opened before anything can go wrong with what is written to it: else it would be made after it was removed.
    const file = await open(path, "wx", 0o600);
    let bytes = 0;
    const count = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        silence.heard();
        bytes += chunk.length;
        if (bytes > maxBytes) throw tooLarge(shown, maxBytes);
        fetching.onBytes?.(bytes, totalBytes);
        yield chunk;
      }
    };
    await pipeline(Readable.fromWeb(response.body as never), count, file.createWriteStream());
    return path;
  } catch (error) {
    if (path !== undefined) await rm(path, { force: true });
    if (error instanceof Failure) throw error;
    if (fetching.signal.aborted) throw new Failure("interrupted", `${shown} is not fetched any more`);
    throw unfetched(shown, silence.signal.aborted ? "the server fell silent" : causeOf(error), error);
  } finally {
    silence.end();
  }
}

function webAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : null;
  const protocol = url?.protocol ?? "";
  if (url === null || !["http:", "https:"].includes(protocol)) {
    throw new Failure("usage/invalid", `${address.slice(0, 200)} cannot be fetched`, {
      why: "files are fetched by http and https only",
      hint: "download it and give its path",
    });
  }
  if (url.username !== "" || url.password !== "") {
    throw new Failure(
      "usage/invalid",
      `${url.origin}${url.pathname} cannot be fetched with a password in its address`,
      {
        why: "the command line of a program is seen by everybody on this host",
        hint: "download it and give its path",
      },
    );
  }
  return url;
}

/** Aborts when nothing was heard for a while, or with `outer`. */
function createSilence(outer: AbortSignal) {
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(), SILENCE_MS);
  return {
    signal: AbortSignal.any([outer, own.signal]),
    heard: () => void timer.refresh(),
    end: () => clearTimeout(timer),
  };
}

function announced({ headers }: Response): number | null {
  const text = headers.get("content-length");
  // Of what is sent packed this is the packed size.
  return text === null || headers.has("content-encoding") ? null : Number(text);
}

function nameOf(url: URL, type: string | null): string {
  let last = basename(url.pathname);
  try {
    last = basename(decodeURIComponent(last));
  } catch {
    // Not percent-encoded text: the name is taken as it stands.
  }
  const clean =
    last
      .replace(/[^\w.-]+/g, "_")
      .replace(/^[.-]+/, "")
      .slice(-120) || "file";
  return mimeTypeOf(clean) === null && type !== null ? `${clean}${extensionOf(type) ?? ""}` : clean;
}

/** What undici says is "fetch failed"; why is in its cause. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return errnoOf(cause) ?? (cause instanceof Error ? cause.message : String(cause));
}

function unfetched(shown: string, why: string, cause?: unknown): Failure {
  return new Failure("file/unreadable", `${shown} cannot be fetched`, {
    why: why.trim(),
    hint: "download it and give its path",
    cause,
  });
}

function tooLarge(shown: string, maxBytes: number): Failure {
  return new Failure("file/unreadable", `${shown} is larger than ${formatBytes(maxBytes)}`, {
    hint: "download it and give its path",
  });
}
