import type { GatewayPort, Surface } from "../port.ts";
import type { JobsOptions } from "./jobs/options.ts";
import { jobsSurface } from "./jobs/surface.ts";
import type { LoadBalancerOptions } from "./load-balancer/options.ts";
import { loadBalancerSurface } from "./load-balancer/surface.ts";
import type { MlocOptions } from "./mloc/options.ts";
import { mlocSurface } from "./mloc/surface.ts";
import type { RouterOptions } from "./router/options.ts";
import { routerSurface } from "./router/surface.ts";

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

/** The options of each system: its door, and what is its own. */
export interface CompatDoors {
  readonly "load-balancer": LoadBalancerOptions;
  readonly jobs: JobsOptions;
  readonly router: RouterOptions;
  readonly mloc: MlocOptions;
}

export type CompatOptions = { readonly [System in CompatSystem]?: CompatDoors[System] | undefined };

/** What makes the surface of a system; a system that is not here is refused when the config is read. */
export const compatSurfaces: {
  readonly [System in CompatSystem]: ((port: GatewayPort, options: CompatDoors[System]) => Surface) | null;
} = { "load-balancer": loadBalancerSurface, jobs: jobsSurface, router: routerSurface, mloc: mlocSurface };

/** The surface of a system; null where it is not asked for. @throws Failure config/invalid of files that it reads */
export function compatSurface<System extends CompatSystem>(
  system: System,
  port: GatewayPort,
  options: CompatOptions[System],
): Surface | null {
  const make = compatSurfaces[system];
  return options === undefined || make === null ? null : make(port, options);
}
