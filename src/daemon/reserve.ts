import fs from "node:fs";
import path from "node:path";

const RESERVE_BYTES = 4 * 2 ** 20;
/** Set aside again only when the disk has this much: else it would be full again at once. */
const SPARE_BYTES = 4 * RESERVE_BYTES;

/** Disk space set aside for the day the disk is full: what happened in the world must still be written down. */
export interface Reserve {
  /** Gives the space back. @returns false when there was none left to give. */
  release(): boolean;
  /** False while it is given away, or there was no room for it. */
  isThere(): boolean;
  /** Sets it aside again once there is room to spare. Costs nothing while it is there. */
  refill(): void;
}

/** Sets the space aside in `file` if there is room for it. */
export function createReserve(file: string): Reserve {
  let isThere = fs.existsSync(file);
  const refill = (): void => {
    if (isThere) return;
    try {
      const { bavail, bsize } = fs.statfsSync(path.dirname(file));
      if (bavail * bsize < SPARE_BYTES) return;
      fs.writeFileSync(file, Buffer.alloc(RESERVE_BYTES), { mode: 0o600 });
      isThere = true;
    } catch {
      fs.rmSync(file, { force: true }); // No room: the next refill tries again.
    }
  };
  refill();
  return {
    refill,
    isThere: () => isThere,
    release() {
      if (!isThere) return false;
      isThere = false;
      fs.rmSync(file, { force: true });
      return true;
    },
  };
}
