import fs from "node:fs";

const RESERVE_BYTES = 4 * 2 ** 20;

/** Disk space set aside for the day the disk is full: what happened in the world must still be written down. */
export interface Reserve {
  /** Gives the space back. @returns false when there was none left to give. */
  release(): boolean;
  /** Sets it aside again if there is room. */
  refill(): void;
}

export function createReserve(file: string): Reserve {
  const refill = (): void => {
    if (fs.existsSync(file)) return;
    try {
      fs.writeFileSync(file, Buffer.alloc(RESERVE_BYTES), { mode: 0o600 });
    } catch {
      fs.rmSync(file, { force: true }); // No room: the next refill tries again.
    }
  };
  refill();
  return {
    refill,
    release() {
      if (!fs.existsSync(file)) return false;
      fs.rmSync(file, { force: true });
      return true;
    },
  };
}
