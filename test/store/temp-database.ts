import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase } from "../../src/store/database.ts";

export interface TempDatabase extends Disposable {
  readonly dir: string;
  readonly file: string;
  /** Opens it; closed with the scope. */
  open(): Database;
}

/** A folder for a database file, removed when the scope ends. */
export function tempDatabase(): TempDatabase {
  const dir = mkdtempSync(join(tmpdir(), "orch-store-"));
  const file = join(dir, "orch.db");
  const opened: Database[] = [];
  return {
    dir,
    file,
    open() {
      const db = openDatabase(file);
      opened.push(db);
      return db;
    },
    [Symbol.dispose]() {
      for (const db of opened) db.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
