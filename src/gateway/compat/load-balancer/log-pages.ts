import { basename } from "node:path";
import type { Json } from "../../../std/json.ts";
import { answerJson, answerText } from "../answer.ts";
import { parseObject } from "../parse-object.ts";
import type { Balancer } from "./balancer.ts";
import type { LogRecord, NumberedLine } from "./log-files.ts";
import { BALANCER_LOG, workerLog } from "./records.ts";
import { Refusal } from "./refusal.ts";
import { requestIdOf } from "./request-id.ts";
import { type PageCall, refreshPools } from "./status-pages.ts";

const DEFAULT_LINES = 200;
const MOST_LINES = 20_000;

interface Asked {
  readonly query: URLSearchParams;
  readonly file: string;
  readonly lines: number;
}

/** @throws Refusal */
async function readAsked(balancer: Balancer, text: string): Promise<Asked> {
  const query = new URLSearchParams(text);
  const count = query.get("lines") ?? "";
  const lines =
    /^\d{1,9}$/.test(count) && Number(count) > 0 ? Math.min(Number(count), MOST_LINES) : DEFAULT_LINES;
  return { query, file: await fileOf(balancer, query), lines };
}

async function fileOf(balancer: Balancer, query: URLSearchParams): Promise<string> {
  const kind = query.get("kind") || "balancer";
  if (kind === "balancer") return BALANCER_LOG;
  if (kind !== "worker") throw new Refusal(400, "Invalid kind. Use 'balancer' or 'worker'.");
  const id = query.get("worker_id") ?? "";
  if (id === "") throw new Refusal(400, "worker_id is required for kind=worker");
  await refreshPools(balancer);
  const found = /^\d{1,9}$/.test(id) ? balancer.pools.byId(Number(id)) : null;
  if (found === null) throw new Refusal(404, `Worker ${id.slice(0, 40)} not found`);
  return workerLog(Number(id), found.pool.kind.name);
}

/** `GET /logs`: the last lines as text. */
export async function logText(
  balancer: Balancer,
  { request, response, query }: Parameters<PageCall>[1],
): Promise<void> {
  const { file, lines } = await readAsked(balancer, query);
  await balancer.logs.settled();
  const found = await balancer.logs.tail(file, lines);
  const text =
    found === null ? `Log file not found: ${file}` : found.map((line) => `${line.text}\n`).join("");
  answerText(response, 200, text, { "x-request-id": requestIdOf(request) });
}

/** `GET /logs_json`: records of the last lines that meet the filters. */
export async function logRecords(
  balancer: Balancer,
  { request, response, query: text }: Parameters<PageCall>[1],
): Promise<void> {
  const { file, lines, query } = await readAsked(balancer, text);
  await balancer.logs.settled();
  const found = (await balancer.logs.tail(file, lines)) ?? [];
  const path = await balancer.logs.path(file);
  const items = found.flatMap((line) => recordOf(line, basename(path), query));
  answerJson(response, 200, { items, count: items.length, path }, { "x-request-id": requestIdOf(request) });
}

function recordOf({ number, text }: NumberedLine, file: string, query: URLSearchParams): LogRecord[] {
  const wanted = (name: string): string => query.get(name) ?? "";
  if (!text.toLowerCase().includes(wanted("q").toLowerCase())) return [];
  const record = parseObject(text) ?? { msg: text };
  const is = (name: string): boolean =>
    wanted(name) === "" || textOf(record[name]) === wanted(name).toLowerCase();
  const hasId = textOf(record["correlation_id"]).includes(wanted("corr").toLowerCase());
  return is("level") && is("event") && hasId
    ? [{ ...record, _line_no: number, _k: `${file}:${number}` }]
    : [];
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value.toLowerCase() : "";
}
