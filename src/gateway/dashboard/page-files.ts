import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, relative } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

/** One file of the page. */
export interface PageFile {
  send(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** The files of the page by their path below its folder, "index.html" or "assets/app-1a2b3c4d.js". */
export type PageFiles = ReadonlyMap<string, PageFile>;

/** Scripts, styles and what the page asks for are its own; what a job made is shown from memory (blob:) alone. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
};

/** What is in a name made by a bundler changes with the content. */
const HASHED = /[-.][A-Za-z0-9_]{8,}\.[a-z0-9]+$/;
const WORTH_PACKING_BYTES = 1_024;
const pack = promisify(gzip);

/** Reads the built page, all of it, once: a request chooses among what was there then. Empty when it was not built. */
export function readPageFiles(dir: string): PageFiles {
  let names: string[];
  try {
    names = readdirSync(dir, { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() && extname(entry.name) in types
        ? [relative(dir, join(entry.parentPath, entry.name))]
        : [],
    );
  } catch {
    return new Map();
  }
  return new Map(names.map((name) => [name, createFile(name, readFileSync(join(dir, name)))]));
}

function createFile(name: string, bytes: Buffer): PageFile {
  const type = types[extname(name)] ?? "application/octet-stream";
  const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
  const isText = /^(text|application\/json|image\/svg)/.test(type);
  let packed: Promise<Buffer> | null = null;
  return {
    async send(request, response) {
      response.setHeader("content-security-policy", POLICY);
      // Its own requests say where they come from, nobody else's do.
      response.setHeader("referrer-policy", "same-origin");
      response.setHeader("etag", etag);
      response.setHeader("vary", "accept-encoding");
      response.setHeader(
        "cache-control",
        HASHED.test(name) ? "public, max-age=31536000, immutable" : "no-cache",
      );
      if (request.headers["if-none-match"] === etag) {
        response.writeHead(304).end();
        return;
      }
      const wantsPacked = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
      const isPacked = wantsPacked && isText && bytes.length >= WORTH_PACKING_BYTES;
      if (isPacked) packed ??= pack(bytes, { level: 9 });
      const body = isPacked && packed !== null ? await packed : bytes;
      response.writeHead(200, {
        "content-type": type,
        "content-length": body.length,
        ...(isPacked ? { "content-encoding": "gzip" } : {}),
      });
      response.end(body);
    },
  };
}
