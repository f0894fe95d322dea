import type { RequestListener } from "node:http";
import { errnoOf } from "../std/failure.ts";
import { parseListenAddress } from "../std/listen-address.ts";
import { type Listener, listen } from "./listener.ts";
import type { TlsPair } from "./tls-files.ts";

/** One address at which the gateway is reached. */
export interface Door {
  readonly listen: string;
  /** Listens if it may, else stops to. What keeps it from that is said once. */
  settle(mayListen: boolean): Promise<void>;
  close(): Promise<void>;
  /** New connections get this certificate, where the door has one; others go on with theirs. */
  renew(tls: TlsPair): void;
  status(): { readonly url: string | null; readonly detail: string | null };
}

interface DoorParts {
  /** As `parseListenAddress` takes it. */
  readonly listen: string;
  readonly tls: TlsPair | null;
  readonly handle: RequestListener;
  /** Said while it listens. */
  readonly warning: string | null;
  /** Said while nobody could be let in. */
  readonly whyNot: string;
  readonly warn: (text: string) => void;
}

/** A door that is shut yet. */
export function createDoor(parts: DoorParts): Door {
  const { listen: text, handle, warning, whyNot, warn } = parts;
  let { tls } = parts;
  const address = parseListenAddress(text);
  let listener: Listener | null = null;
  let detail: string | null = null;
  const say = (said: string | null): void => {
    if (said !== null && said !== detail) warn(said);
    detail = said;
  };
  const close = async (): Promise<void> => {
    await listener?.close();
    listener = null;
  };
  return {
    listen: text,
    close,
    renew(pair) {
      if (tls === null) return;
      tls = pair;
      listener?.renew(pair);
    },
    async settle(mayListen) {
      if (!mayListen) {
        await close();
        return say(whyNot);
      }
      if (listener !== null) return;
      try {
        listener = await listen(address, tls, handle);
        say(warning);
      } catch (error) {
        say(`the gateway cannot listen on ${text}: ${errnoOf(error) ?? String(error)}`);
      }
    },
    status: () => ({ url: listener?.url ?? null, detail }),
  };
}
