import type { Logger } from "pino";
import type { Config } from "../config/config.ts";
import type { ClientJobBook } from "../gateway/compat/jobs/client-job-book.ts";
import type { RoutedBook } from "../gateway/compat/router/routed-book.ts";
import { createGateway } from "../gateway/gateway.ts";
import type { RequestMeter } from "../gateway/port.ts";
import type { Context } from "../operations/context.ts";
import { Failure } from "../std/failure.ts";
import { gatewayPort } from "./http/gateway-port.ts";
import type { KeyBook } from "./key-book.ts";
import type { Desk } from "./requests/desk.ts";
import { admitOwner } from "./users/admit.ts";
import { userNameOf } from "./users/user-name.ts";
import type { Users } from "./users/users.ts";

interface Parts {
  readonly config: Pick<Config, "gateway">;
  readonly users: Users | null;
  readonly ctx: Context;
  readonly keys: KeyBook;
  readonly log: Logger;
  readonly desk: Desk;
  readonly routed: RoutedBook;
  readonly clientJobs: ClientJobBook;
  readonly meter: RequestMeter;
  readonly sign: (text: string) => string;
}

/** The gateway as the daemon's life has it. */
export interface GatewayDoor {
  /** Listens, if it may, and tells people. */
  open(say: (line: string) => void): Promise<void>;
  close(): Promise<void>;
}

/**
 * Makes the gateway that the config asks for, if any. It is not open yet.
 * @throws Failure config/invalid, file/unreadable: the daemon is not to start then
 */
export function openGateway({
  config: { gateway: asked },
  users,
  ctx,
  keys,
  log,
  desk,
  routed,
  clientJobs,
  meter,
  sign,
}: Parts): GatewayDoor {
  if (asked === null) return { open: async () => {}, close: async () => {} };
  if (asked.insecureLoopback && users !== null) {
    throw new Failure("config/invalid", "gateway.insecureLoopback and group are both set", {
      why: "without a key nobody can tell whose jobs they are",
      hint: "leave insecureLoopback out; orch keys add makes keys",
    });
  }
  const owner = { uid: ctx.host.uid, user: userNameOf(ctx.host.uid) };
  const admit = users?.admit ?? admitOwner(owner);
  const gateway = createGateway(
    asked,
    gatewayPort({ ctx, keys, owner, admit, log, desk, routed, clientJobs, meter, sign }),
  );
  keys.attach(gateway);
  return {
    async open(say) {
      await gateway.settle();
      const { url, detail } = gateway.status() ?? { url: null, detail: null };
      if (url !== null) say(`gateway: ${url}`);
      if (detail !== null) say(`warning: ${detail}`);
    },
    close: () => gateway.close(),
  };
}
