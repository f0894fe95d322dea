import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { formatDurationMs } from "../../std/duration.ts";
import { escapeMarkup } from "../../std/escape-markup.ts";
import { type Failure, toFailure } from "../../std/failure.ts";
import { isTls } from "../is-tls.ts";
import { sendProblem } from "../problem.ts";
import type { Standing } from "../request-port.ts";

/** A small page of the gateway's own, in place of that of a worker. */
interface Page {
  readonly status: number;
  readonly title: string;
  readonly lines: readonly string[];
  readonly link?: { readonly to: string; readonly text: string } | undefined;
  /** After so many seconds it is asked for anew. */
  readonly againSeconds?: number;
}

const AGAIN_SECONDS = 2;
const STYLE =
  ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}h1{font-size:1.3rem}p{overflow-wrap:anywhere}";
const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'`;

/** Whether a person looks at what comes: a browser goes to an address, and takes a page. */
export function isNavigation({ method, headers }: IncomingMessage): boolean {
  const { accept = "", "sec-fetch-mode": mode } = headers;
  return method === "GET" && mode === "navigate" && /\btext\/html\b/.test(accept);
}

/** Whether a page of another origin made a browser go there. */
export function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  return site !== undefined && site !== "same-origin" && site !== "none";
}

/** Tells how the worker comes along, and asks again by itself. @param nowMs as the standing's times are counted */
export function sendStarting(
  response: ServerResponse,
  name: string,
  standing: Standing,
  nowMs: number,
): void {
  const { ahead, reason, etaMs } = standing;
  const lines = [
    ahead > 0
      ? `${ahead} ${ahead === 1 ? "goes" : "go"} first: you have position ${ahead + 1}.`
      : "You are next.",
    `Now: ${reason}.`,
    ...(etaMs === null ? [] : [`It is expected in ${formatDurationMs(Math.max(1_000, etaMs - nowMs))}.`]),
    "This page asks again by itself.",
  ];
  response.setHeader("retry-after", AGAIN_SECONDS);
  sendPage(response, { status: 503, title: `${name} is starting`, lines, againSeconds: AGAIN_SECONDS });
}

/** Asks first: another page may have made up the address, to have something done there. */
export function sendAsking(response: ServerResponse, name: string): void {
  const { url = "/", headers } = response.req;
  // Whole: "//elsewhere/" alone would lead there.
  const to = `${isTls(response.req) ? "https" : "http"}://${headers.host}${url}`;
  sendPage(response, {
    status: 403,
    title: `Open ${name}?`,
    lines: ["Another page sent you here."],
    link: { to, text: to },
  });
}

/** Where one logs in; null = not known. */
export type SignInAt = (request: IncomingMessage) => string | null;

/** Answers with what went wrong: a person gets a page, programs a problem document. What is under way is cut off. */
export function sendUiError(
  response: ServerResponse,
  error: unknown,
  name: string,
  signInAt: SignInAt,
): void {
  if (response.headersSent) return void response.destroy();
  if (!isNavigation(response.req)) return sendProblem(response, error);
  const failure = toFailure(error);
  const isStranger = failure.code === "key/refused";
  const at = isStranger ? signInAt(response.req) : null;
  sendPage(response, {
    status: failure.httpStatus,
    title: isStranger ? `${name}: who are you?` : failure.message,
    lines: isStranger ? [`On the host: orch ui ${name}`] : linesOf(failure),
    link: at === null ? undefined : { to: at, text: "or sign in at the dashboard, and open it from there" },
  });
}

function linesOf({ why, hint }: Failure): string[] {
  return [why, hint === undefined ? undefined : `Try: ${hint}`].filter((line) => line !== undefined);
}

function sendPage(response: ServerResponse, { status, title, lines, link, againSeconds }: Page): void {
  if (response.destroyed) return;
  const paragraphs = lines.map((line) => `<p>${escapeMarkup(line)}</p>`).join("");
  const anchor =
    link === undefined ? "" : `<p><a href="${escapeMarkup(link.to)}">${escapeMarkup(link.text)}</a></p>`;
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeMarkup(title)}</title><style>${STYLE}</style><main><h1>${escapeMarkup(title)}</h1>${paragraphs}${anchor}</main></html>`;
  if (againSeconds !== undefined) response.setHeader("refresh", againSeconds);
  response.setHeader("content-security-policy", POLICY);
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}
