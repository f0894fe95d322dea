import type { AskedToPrune, PrunedTasks } from "../../operations/task-book.ts";
import type { EndedTasks, TaskTable } from "../../store/tasks.ts";
import type { QuietWrite } from "../quiet-write.ts";
import type { ResultsFolder } from "./results-folder.ts";

/** What removing takes. */
export interface PruneParts {
  readonly table: TaskTable;
  readonly folder: ResultsFolder;
  readonly write: QuietWrite;
}

/** Removed at once; another request goes on. */
const AT_ONCE = 500;
/** More take longer to find and to measure than anybody waits. */
const LOOKED_AT_MOST = 20_000;

/**
 * Removes what was over before then with its results, or says what it would be.
 * @param uid null = of everybody
 * @throws Failure state/unwritable, store/full
 */
export async function pruneTasks(
  parts: PruneParts,
  { dryRun, ...asked }: AskedToPrune,
  uid: number | null,
): Promise<PrunedTasks> {
  const most = dryRun ? LOOKED_AT_MOST : AT_ONCE;
  const found = parts.table.endedBefore({ ...asked, uid, limit: most + 1 });
  const part = { documents: found.documents.slice(0, most), sentIn: found.sentIn.slice(0, most) };
  const results = resultsOf(part);
  const bytes = await parts.folder.measure(results.map(({ folder }) => folder));
  if (!dryRun) await forget(parts, part);
  return {
    tasks: part.documents.reduce((sum, { tasks }) => sum + tasks, 0),
    results: results.length,
    bytes,
    more: found.documents.length > most || found.sentIn.length > most,
  };
}

/** Removes tasks that are over, with their results. */
export async function forget({ folder, table, write }: PruneParts, over: EndedTasks): Promise<void> {
  const results = resultsOf(over);
  // Files first: if that is cut short, the record is there still, and the next look finds it.
  for (const { folder: place } of results) await folder.remove(place);
  const documents = over.documents.map(({ submission }) => submission);
  const ids = results.map(({ taskId }) => taskId);
  await write(() => table.forget(documents, ids));
}

function resultsOf({ documents, sentIn }: EndedTasks) {
  return [...documents.flatMap(({ results }) => results), ...sentIn];
}
