import { parseListenAddress } from "../../std/listen-address.ts";
import { createSessionDoor, type SessionDoor } from "../dashboard/session-door.ts";
import type { Doorkeeper } from "../doorkeeper.ts";
import type { Kit } from "../forward/kit.ts";
import type { Surface } from "../port.ts";
import { uiManners } from "./admit-visitor.ts";
import type { SignInAt } from "./pages.ts";
import { uiSurface } from "./surface.ts";

/** The door to one worker's own page. */
export interface UiDoor {
  /** The runtime, or an alias, as the config has it. */
  readonly name: string;
  readonly listen: string;
  readonly sessions: SessionDoor;
  readonly surface: Surface;
}

interface Parts {
  /** Addresses by runtime or alias. */
  readonly uis: Readonly<Record<string, string>>;
  readonly kit: Kit;
  readonly doorkeeper: Doorkeeper;
  readonly signInAt: SignInAt;
}

/** The doors that the config asks for. Each knows its own sessions alone. */
export function uiDoors({ uis, kit, doorkeeper, signInAt }: Parts): UiDoor[] {
  return Object.entries(uis).map(([name, listen]) => {
    const sessions = createSessionDoor({
      port: kit.port,
      doorkeeper,
      mayOpen: parseListenAddress(listen).isLoopback,
      manners: uiManners,
    });
    return { name, listen, sessions, surface: uiSurface({ name, kit, doorkeeper, sessions, signInAt }) };
  });
}
