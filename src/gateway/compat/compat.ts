import type { GatewayPort, Surface } from "../port.ts";

/** The older systems whose clients may go on. */
export const compatSystems = ["load-balancer", "jobs", "router", "mloc"] as const;

export type CompatSystem = (typeof compatSystems)[number];

/** Where an older system is reached, and by whom; each has more settings of its own. */
export interface CompatDoor {
  /** An address and a port; null = below `prefix` at the gateway's own address. */
  readonly listen: string | null;
  readonly prefix: string | null;
  /** On a loopback address: requests without a key are served as the daemon's own user, as the old system did. */
  readonly open: boolean;
  /** Beyond loopback, without TLS: keys can be read on their way. */
  readonly plaintext: boolean;
}

export type CompatOptions = { readonly [System in CompatSystem]?: CompatDoor | undefined };

/** What makes the surface of a system; a system that is not here is refused when the config is read. */
export const compatSurfaces: {
  readonly [System in CompatSystem]: ((port: GatewayPort, options: CompatDoor) => Surface) | null;
} = { "load-balancer": null, jobs: null, router: null, mloc: null };
