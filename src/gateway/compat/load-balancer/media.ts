import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { isAbsolute, join, relative } from "node:path";
import { errnoOf, Failure } from "../../../std/failure.ts";
import type { Json } from "../../../std/json.ts";
import { isAllowedAddress, isAllowedName, parseAllowedPlace } from "../../../std/safe-fetch/address-rules.ts";
import { createSafeFetch } from "../../../std/safe-fetch/safe-fetch.ts";
import { sniffType } from "../../../std/sniff-type.ts";
import { isObject } from "../parse-object.ts";
import type { LoadBalancerOptions } from "./options.ts";
import { Refusal } from "./refusal.ts";

/** A picture or a sound that came with a request. */
export interface Medium {
  readonly bytes: Buffer;
  /** MIME type, by its first bytes. */
  readonly type: string;
}

/** Reads pictures and sounds that requests name or bring along. */
export interface Media {
  /** @param what for messages, e.g. `images[0]`. @param page of a PDF, from 0. @throws Refusal which says what cannot be read */
  image(what: string, given: Json, page: number): Promise<Medium>;
  /** @throws Refusal */
  sound(given: Json): Promise<Medium>;
}

const MOST_BYTES = 64 * 2 ** 20;
const FETCH_MS = 30_000;
const SOUNDS = /^(wav|mp3|flac|m4a|ogg)$/;

/** @throws Failure usage/invalid: a place of mediaHosts is none */
export function createMedia({ mediaDirs, mediaHosts }: LoadBalancerOptions): Media {
  const anywhere = mediaHosts.includes("*");
  const places = mediaHosts.filter((host) => host !== "*").map(parseAllowedPlace);
  const fetchSafely = createSafeFetch({ allow: places });
  const isAllowed = (address: string): boolean => {
    if (!URL.canParse(address)) return false;
    const { hostname, port, protocol } = new URL(address);
    const number = Number(port) || (protocol === "https:" ? 443 : 80);
    const name = hostname.replace(/^\[|\]$/g, "");
    return anywhere || isAllowedName(places, name, number) || isAllowedAddress(places, name, number);
  };
  const fetched = async (what: string, url: string): Promise<Buffer> => {
    if (!isAllowed(url)) throw unreadable(what, "its host is not among mediaHosts");
    const answer = await fetchSafely({ url, what, method: "GET", timeoutMs: FETCH_MS, maxBytes: MOST_BYTES });
    const chunks: Buffer[] = [];
    for await (const chunk of answer.body) chunks.push(chunk);
    if (answer.status !== 200) throw unreadable(what, `its server answered ${answer.status}`);
    return Buffer.concat(chunks);
  };
  const load = async (what: string, text: string): Promise<Buffer> => {
    try {
      if (/^data:/i.test(text)) return decode(what, text);
      return /^https?:\/\//i.test(text) ? await fetched(what, text) : await readWithin(what, text, mediaDirs);
    } catch (error) {
      if (error instanceof Refusal || !(error instanceof Failure)) throw error;
      throw unreadable(what, error.sentence);
    }
  };
  return {
    async image(what, given, page) {
      const bytes = typeof given === "string" ? await load(what, given) : embedded(what, given);
      const type = sniffType(bytes);
      if (type === "application/pdf")
        return { bytes: await renderPage(what, bytes, page), type: "image/png" };
      if (type === null || !type.startsWith("image/"))
        throw unreadable(what, "it is no picture of a known kind");
      return { bytes, type };
    },
    async sound(given) {
      const { path, url, format } = isObject(given) ? given : {};
      if (format !== undefined && !SOUNDS.test(String(format)))
        throw unreadable("audio", "its format is none of wav, mp3, flac, m4a, ogg");
      const named = [path, url].find((each) => typeof each === "string");
      const bytes = typeof named === "string" ? await load("audio", named) : embedded("audio", given);
      const type = sniffType(bytes) ?? (isMp3(bytes) ? "audio/mpeg" : null);
      if (type === null || !/^(audio|video)\//.test(type))
        throw unreadable("audio", "it is no sound of a known kind");
      return { bytes, type };
    },
  };
}

function unreadable(what: string, why: string): Refusal {
  return new Refusal(400, `${what} cannot be read: ${why}`);
}

function embedded(what: string, given: Json): Buffer {
  const data = isObject(given) ? given["data"] : undefined;
  if (typeof data !== "string" || data === "")
    throw unreadable(what, "it is neither a path, an address nor data");
  return decode(what, data);
}

/** Base64, or a data URI of it. */
function decode(what: string, text: string): Buffer {
  const encoded = /^data:[^,]*;base64,(.*)$/is.exec(text)?.[1] ?? text;
  const bare = encoded.replaceAll(/\s/g, "");
  const bytes = Buffer.from(bare, "base64");
  if (bytes.length === 0 || Math.abs(bytes.length * 4 - bare.replace(/=+$/, "").length * 3) > 3)
    throw unreadable(what, "its data is not base64");
  return bytes;
}

/** A file below one of the folders; links that lead out of them are followed to where they lead, and refused there. */
async function readWithin(what: string, given: string, folders: readonly string[]): Promise<Buffer> {
  const [base] = folders;
  if (base === undefined) throw unreadable(what, "no folder is allowed; mediaDirs names those that are");
  try {
    const path = await realpath(isAbsolute(given) ? given : join(base, given));
    const roots = await Promise.all(folders.map((folder) => realpath(folder).catch(() => null)));
    const isWithin = roots.some((root) => root !== null && isBelow(root, path));
    if (!isWithin) throw unreadable(what, "it is in none of the folders of mediaDirs");
    return await readPlain(what, path);
  } catch (error) {
    // Whether a file elsewhere is there is not told.
    if (error instanceof Refusal) throw error;
    throw unreadable(
      what,
      errnoOf(error) === "EACCES"
        ? "it may not be read"
        : "there is no such file in the folders of mediaDirs",
    );
  }
}

function isBelow(root: string, path: string): boolean {
  const inner = relative(root, path);
  return inner !== "" && !inner.startsWith("..") && !isAbsolute(inner);
}

async function readPlain(what: string, path: string): Promise<Buffer> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile() || stats.size > MOST_BYTES) throw unreadable(what, "it is no file of at most 64 MiB");
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** A frame of MPEG audio begins with eleven bits. */
function isMp3([first = 0, second = 0]: Buffer): boolean {
  return first === 0xff && (second & 0xe0) === 0xe0;
}

const RENDER_MS = 30_000;

/** A page of a PDF as PNG, by pdftoppm of poppler-utils. A page that the PDF does not have is the first. */
async function renderPage(what: string, pdf: Buffer, page: number): Promise<Buffer> {
  const made = await pdfPage(pdf, page + 1);
  if (made instanceof Buffer && made.length > 0) return made;
  const first = page === 0 ? made : await pdfPage(pdf, 1);
  if (first instanceof Buffer && first.length > 0) return first;
  throw unreadable(
    what,
    first === "missing" ? "pdftoppm is not installed on the server" : "it is no sound PDF",
  );
}

function pdfPage(pdf: Buffer, number: number): Promise<Buffer | "missing" | "failed"> {
  const args = ["-png", "-singlefile", "-r", "150", "-f", String(number), "-l", String(number), "-"];
  const options = { encoding: "buffer", timeout: RENDER_MS, maxBuffer: MOST_BYTES } as const;
  return new Promise((resolve) => {
    const child = execFile("pdftoppm", args, options, (error, stdout) => {
      if (error === null) resolve(stdout);
      else resolve(errnoOf(error) === "ENOENT" ? "missing" : "failed");
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(pdf);
  });
}

/** A medium as a data URI. */
export function dataUri({ bytes, type }: Medium): string {
  return `data:${type};base64,${bytes.toString("base64")}`;
}
