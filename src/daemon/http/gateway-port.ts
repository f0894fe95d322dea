import type { Logger } from "pino";
import type { GatewayPort } from "../../gateway/port.ts";
import type { Context } from "../../operations/context.ts";
import { operations } from "../../operations/index.ts";
import type { KeyBook } from "../key-book.ts";
import type { Admit } from "../users/admit.ts";
import { answer } from "./answer.ts";
import { createRouter, type Match } from "./router.ts";

interface Parts {
  readonly ctx: Context;
  readonly keys: KeyBook;
  readonly owner: { readonly uid: number; readonly user: string };
  readonly admit: Admit;
  readonly log: Logger;
}

/** Bodies from elsewhere, batches too: a batch of the socket's size, many times over, would fill the memory. */
const MOST_BODY_BYTES = 4 * 2 ** 20;

/** What the gateway gets of the daemon: its keys, its operations, its log. */
export function gatewayPort({ ctx, keys, owner, admit, log }: Parts): GatewayPort {
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
        serve: (exchange) => answer(ctx, withSmallBody(match), exchange),
      };
    },
    isReady: () => !ctx.state().stopping,
    log: {
      audit: (fields) => auditLog.info(fields, "request"),
      warn: (fields, text) => log.warn(fields, text),
      error: (fields, text) => log.error(fields, text),
    },
  };
}

function withSmallBody({ operation, inPath }: Match): Match {
  const maxBodyBytes = Math.min(operation.maxBodyBytes, MOST_BODY_BYTES);
  return { operation: { ...operation, maxBodyBytes }, inPath };
}
