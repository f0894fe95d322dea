import type { IncomingMessage } from "node:http";
import { Failure } from "../../std/failure.ts";
import { saysOrigin } from "../dashboard/cookie.ts";
import type { Manners, SessionDoor } from "../dashboard/session-door.ts";
import type { Doorkeeper } from "../doorkeeper.ts";
import type { Admitted } from "../port.ts";
import { isWebSocket } from "../upgrades.ts";
import { orchKeyIn } from "./orch-key.ts";
import { isFromElsewhere } from "./pages.ts";

/** A page of another origin sent a browser here. */
export class LeadHere extends Failure {
  constructor(name: string) {
    super("permission/denied", `another page leads to ${name}`, { hint: "open it yourself" });
  }
}

const CHANGES_NOTHING = ["GET", "HEAD", "OPTIONS"];

/** At the page of a worker: what `/upstream` asks for, and nothing that is orch's own. Keys of other programs are their affair. */
export const uiManners: Manners = {
  hasKey: ({ headers }) => orchKeyIn(headers) !== null,
  refuseForged(request) {
    const { method = "", headers } = request;
    if (CHANGES_NOTHING.includes(method) && !isWebSocket(request)) return;
    if (saysOrigin(headers)) return;
    throw new Failure("permission/denied", "with a cookie only the page itself may ask for that", {
      why: "the request does not say where it comes from",
      hint: "programs send an API key: authorization: Bearer orch_…",
    });
  },
  scopes: ["admin"],
};

interface Parts {
  readonly name: string;
  readonly sessions: SessionDoor;
  readonly doorkeeper: Doorkeeper;
}

/**
 * Whoever shows a key of orch, or has the cookie of this door.
 * @throws LeadHere; Failure key/refused, permission/denied; TooMany
 */
export async function admitVisitor(
  request: IncomingMessage,
  { name, sessions, doorkeeper }: Parts,
): Promise<Admitted> {
  // Only going to an address gets so far: see check-origin.ts.
  if (isFromElsewhere(request)) throw new LeadHere(name);
  const key = orchKeyIn(request.headers);
  const admitted = key === null ? await sessions.admit(request) : await doorkeeper.admitText(key, request);
  if (admitted !== null) return admitted;
  throw new Failure("key/refused", `the page of ${name} wants to know who comes`, {
    why: "there is neither a cookie of it nor an API key",
    hint: `orch ui ${name}; programs send: authorization: Bearer orch_…`,
  });
}
