import type { Logger } from "pino";
import type { ClientJobBook } from "../../gateway/compat/jobs/client-job-book.ts";
import type { RoutedBook } from "../../gateway/compat/router/routed-book.ts";
import type { GatewayPort, RequestMeter } from "../../gateway/port.ts";
import type { Context } from "../../operations/context.ts";
import { operations } from "../../operations/index.ts";
import { must } from "../../std/assert.ts";
import { checkInput, readBody } from "../jobs/read-input.ts";
import type { KeyBook } from "../key-book.ts";
import type { Desk } from "../requests/desk.ts";
import type { Admit } from "../users/admit.ts";
import { answer } from "./answer.ts";
import { type AnyOperation, createRouter, type Match } from "./router.ts";

interface Parts {
  readonly ctx: Context;
  readonly keys: KeyBook;
  readonly owner: { readonly uid: number; readonly user: string };
  readonly admit: Admit;
  readonly log: Logger;
  readonly desk: Desk;
  /** For addresses that need no key. */
  readonly sign: (text: string) => string;
  readonly routed: RoutedBook;
  readonly clientJobs: ClientJobBook;
  readonly meter: RequestMeter;
}

/** Bodies from elsewhere, batches too: a batch of the socket's size, many times over, would fill the memory. */
const MOST_BODY_BYTES = 4 * 2 ** 20;

/** What the gateway gets of the daemon: its keys, its operations, its log. */
export function gatewayPort(parts: Parts): GatewayPort {
  const { ctx, keys, owner, admit, log, desk, routed, clientJobs, meter, sign } = parts;
  const route = createRouter(operations);
  const auditLog = log.child({ part: "gateway" }, { level: "info" });
  return {
    clock: ctx.clock,
    keys,
    owner,
    admit: ({ uid, user }) => admit({ uid, user, pid: 0 }),
    find(method, path) {
      const match = route(method, path);
      return {
        route: match.operation.route,
        takesFile: match.operation.takes === "file",
        serve: (exchange) => answer(ctx, withSmallBody(match), exchange),
      };
    },
    ...callers(ctx),
    feed: ctx.feed,
    requests: desk,
    standingOf: desk.standingOf,
    readBody,
    inputFiles: ctx.inputFiles,
    sign,
    tasks: ctx.tasks,
    routed,
    clientJobs,
    meter,
    isReady: () => !ctx.state().stopping,
    log: {
      audit: (fields) => auditLog.info(fields, "request"),
      warn: (fields, text) => log.warn(fields, text),
      error: (fields, text) => log.error(fields, text),
    },
  };
}

/** Calls operations by their route, as a client would. */
export function callers(ctx: Context): Pick<GatewayPort, "call" | "stream"> {
  const known = new Map<string, AnyOperation>(operations.map((operation) => [operation.route, operation]));
  const find = (route: string): AnyOperation => must(known.get(route), `there is no operation ${route}`);
  return {
    async call(route, given, caller, signal = new AbortController().signal) {
      const operation = find(route);
      const input = await checkInput(operation, given);
      return (await operation.run(ctx, input, caller, signal)) as never;
    },
    async *stream(route, given, caller, signal) {
      const operation = find(route);
      const input = await checkInput(operation, given);
      yield* operation.run(ctx, input, caller, signal) as AsyncIterable<never>;
    },
  };
}

function withSmallBody({ operation, inPath }: Match): Match {
  const maxBodyBytes = Math.min(operation.maxBodyBytes, MOST_BODY_BYTES);
  return { operation: { ...operation, maxBodyBytes }, inPath };
}
