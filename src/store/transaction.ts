import { open } from "node:fs/promises";
import { createCheckpointer } from "./checkpoint.ts";
import { type Database, translate } from "./database.ts";
import { createSpiller } from "./spill.ts";

/** The one transaction that may be open; see store/journal.ts. */
export interface Transaction {
  begin(): void;
  isOpen(): boolean;
  expectMuch(): void;
  flush(): Promise<void>;
  commit(): void;
  undo(): void;
}

/** None is open. Its functions throw Failures. */
export function createTransaction(db: Database): Transaction {
  const begin = db.prepare("BEGIN IMMEDIATE");
  const commit = db.prepare("COMMIT");
  const checkpointer = createCheckpointer(db);
  const spiller = createSpiller(db);
  /** What kept the flush from its end: SQLite has rolled back all of it. */
  let trouble: Error | null = null;
  let isOpen = false;
  return {
    begin() {
      trouble = null;
      translate(db.name, () => begin.run());
      isOpen = true;
    },
    isOpen: () => isOpen,
    expectMuch() {
      spiller.expectMuch();
    },
    async flush() {
      await spiller.spill().catch((error: unknown) => {
        trouble = error instanceof Error ? error : new Error(String(error));
      });
      await syncFile(`${db.name}-wal`);
    },
    commit() {
      translate(db.name, () => {
        if (trouble !== null) throw trouble;
        commit.run();
      });
      isOpen = false;
      spiller.end();
      checkpointer.look();
    },
    undo() {
      isOpen = false;
      spiller.end();
      if (db.inTransaction) db.exec("ROLLBACK");
    },
  };
}

/** Trouble shows at the commit, which syncs again. */
async function syncFile(file: string): Promise<void> {
  const handle = await open(file).catch(() => null);
  await handle?.datasync().catch(() => undefined);
  await handle?.close();
}
