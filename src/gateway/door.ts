import type { RequestListener } from "node:http";
import { errnoOf } from "../std/failure.ts";
import { parseListenAddress } from "../std/listen-address.ts";
import { type Listener, listen, type TlsFiles } from "./listener.ts";

/** One address at which the gateway is reached. */
export interface Door {
  readonly listen: string;
  /** Listens if it may, else stops to. What keeps it from that is said once. */
  settle(mayListen: boolean): Promise<void>;
  close(): Promise<void>;
  status(): { readonly url: string | null; readonly detail: string | null };
}

interface DoorParts {
  /** As `parseListenAddress` takes it. */
  readonly listen: string;
  readonly tls: TlsFiles | null;
  readonly handle: RequestListener;
  /** Said while it listens. */
  readonly warning: string | null;
  /** Said while nobody could be let in. */
  readonly whyNot: string;
  readonly warn: (text: string) => void;
}

/** A door that is shut yet. */
export function createDoor({ listen: text, tls, handle, warning, whyNot, warn }: DoorParts): Door {
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
