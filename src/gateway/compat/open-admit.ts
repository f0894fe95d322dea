import type { IncomingMessage } from "node:http";
import type { ApiScope } from "../../std/api-key.ts";
import type { Admitted, GatewayPort } from "../port.ts";

/** Stands for the key of those who need none; the gateway never takes it for one that was revoked. */
const NOBODY = "none";

/** Whether a request bears something that may be a key of orch. */
export function hasOrchKey({ headers }: IncomingMessage): boolean {
  return headers.authorization !== undefined || String(headers["x-api-key"] ?? "").startsWith("orch_");
}

/**
 * Lets a request in as the daemon's own user, as an older system let in everybody.
 * @param isAdmin whether it may do what admins may
 */
export async function admitAsOwner(
  port: GatewayPort,
  scopes: readonly ApiScope[],
  isAdmin: boolean,
): Promise<Admitted> {
  const user = await port.admit(port.owner);
  const key = { id: NOBODY, runtimes: null, mayRun: false, charge: () => {} };
  return { caller: { ...user, isAdmin, key }, scopes, keyId: NOBODY };
}
