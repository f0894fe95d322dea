/** Lets work of many hosts go on, so much at once and so much of each: one that is slow does not hold up the others. */
export interface HostLanes {
  enter(host: string, work: () => Promise<void>): void;
  /** Nothing more begins. */
  close(): void;
}

const MOST_AT_ONCE = 16;
const MOST_OF_HOST = 4;

interface Lane {
  readonly waiting: (() => Promise<void>)[];
  active: number;
}

/** Nothing waits yet. Work may not reject. */
export function createHostLanes(): HostLanes {
  const lanes = new Map<string, Lane>();
  let active = 0;
  let isClosed = false;
  const begin = (host: string, lane: Lane): void => {
    const work = lane.waiting.shift();
    if (work === undefined) return;
    active += 1;
    lane.active += 1;
    void work().finally(() => {
      active -= 1;
      lane.active -= 1;
      if (lane.active === 0 && lane.waiting.length === 0) lanes.delete(host);
      else {
        // Behind the others: each host has its turn.
        lanes.delete(host);
        lanes.set(host, lane);
      }
      pump();
    });
  };
  const pump = (): void => {
    for (const [host, lane] of lanes) {
      if (isClosed || active >= MOST_AT_ONCE) return;
      if (lane.active < MOST_OF_HOST) begin(host, lane);
    }
  };
  return {
    enter(host, work) {
      const lane = lanes.get(host) ?? { waiting: [], active: 0 };
      lanes.set(host, lane);
      lane.waiting.push(work);
      pump();
    },
    close() {
      isClosed = true;
    },
  };
}
