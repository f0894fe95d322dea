import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { BlockList, isIP, isIPv6 } from "node:net";
import { resolve } from "node:path";
import { z } from "zod";
import { errnoOf } from "../../../std/failure.ts";
import type { GatewayPort } from "../../port.ts";
import { createFileWatch } from "../file-watch.ts";

/** What api_keys.json says of a request. */
export type Verdict = "no file" | "broken" | "let in" | "not let in";

/** The keys of the load balancer's clients. */
export interface ApiKeysFile {
  /** @param address of the caller */
  judge(key: string | undefined, address: string | undefined): Verdict;
  /** Whether the file may let in somebody. */
  mayLetIn(): boolean;
}

const Shape = z.object({
  valid_keys: z.array(z.string().min(1)).default([]),
  require_auth_for_external: z.boolean().default(false),
  local_networks: z.array(z.string()).default([]),
});

interface Rules {
  /** Of SHA-256, so that all comparisons are of one length. */
  readonly keys: readonly Buffer[];
  readonly isGuarded: boolean;
  readonly local: BlockList;
}

/**
 * The file is read anew for each request when it has changed, so that a key which is added or removed counts at once. One that is
 * there and cannot be read lets nobody in.
 */
export function createApiKeysFile(
  { clock, log }: Pick<GatewayPort, "clock" | "log">,
  given: string | null,
): ApiKeysFile {
  const path = given ?? resolve(process.env["API_KEYS_FILE"] || "api_keys.json");
  const watch = createFileWatch(clock, 0);
  let state: Rules | "no file" | "broken" = "no file";
  const now = (): Rules | "no file" | "broken" => {
    if (!watch.hasChanged([path])) return state;
    try {
      state = readRules(path);
    } catch (error) {
      state = "broken";
      log.error(
        { file: path, why: error instanceof Error ? error.name : "" },
        "api_keys.json cannot be read: nobody is let in",
      );
    }
    return state;
  };
  return {
    judge(key, address) {
      const rules = now();
      if (rules === "no file" || rules === "broken") return rules;
      // Both are looked at whatever the first says: how long it takes tells nothing.
      const isKnown = key !== undefined && isKeyOf(rules, key);
      const isLocal = !rules.isGuarded || isWithin(rules.local, address);
      return isKnown || isLocal ? "let in" : "not let in";
    },
    mayLetIn() {
      const rules = now();
      return typeof rules === "object";
    },
  };
}

function readRules(path: string): Rules | "no file" {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "no file";
    throw error;
  }
  const { valid_keys, require_auth_for_external, local_networks } = Shape.parse(JSON.parse(text));
  const local = new BlockList();
  for (const net of local_networks) addNet(local, net);
  return { keys: valid_keys.map(digestOf), isGuarded: require_auth_for_external, local };
}

function addNet(list: BlockList, text: string): void {
  const [address = "", prefix] = text.trim().split("/");
  if (address === "localhost") {
    list.addSubnet("127.0.0.0", 8, "ipv4");
    list.addAddress("::1", "ipv6");
    return;
  }
  if (isIP(address) === 0) throw new Error("an address is none");
  const family = isIPv6(address) ? "ipv6" : "ipv4";
  if (prefix === undefined) list.addAddress(address, family);
  else list.addSubnet(address, Number(prefix), family);
}

function isWithin(list: BlockList, given = ""): boolean {
  const address = given.replace(/^::ffff:(?=\d+\.)/, "");
  return isIP(address) !== 0 && list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

function isKeyOf({ keys }: Rules, given: string): boolean {
  const digest = digestOf(given);
  return keys.reduce((found, key) => timingSafeEqual(key, digest) || found, false);
}

function digestOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
