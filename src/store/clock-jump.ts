import { FOR_GOOD_MS } from "../scheduler/sleep.ts";
import { type Database, translate } from "./database.ts";

/** What this start's clocks say. */
export interface HostTime {
  /** Names the run of the host's kernel. */
  readonly bootId: string;
  /** The clock that the daemon goes by, which begins at the wall's time. */
  readonly nowMs: number;
  /** A clock that nobody sets: it goes on from process to process until the next boot. */
  readonly sinceBootMs: number;
}

/** What is stored of it. A daemon's own clock never jumps, so this holds for all that it wrote. */
interface Anchor {
  readonly bootId: string;
  readonly offsetMs: number;
}

const KEY = "clock";
/** Smaller differences are the drift of clocks. The anchor stays, so many small ones come to light together. */
const TOLERATED_MS = 1_000;

/**
 * Moves what an earlier daemon wrote down as "since" and "until" by as much as the host's clock was set between the two
 * daemons, so that ages, limits, keep-alives and back-offs go on where they were: a clock that went ahead ends nothing
 * early, one that was set back stalls nothing. After a reboot only a clock that was set back is known, by events that lie
 * ahead. What people asked for by the calendar (begin, deadline, schedules, reservations) stays, and so does history.
 * @returns by how many milliseconds, 0 for none
 * @throws Failure as the store does
 */
export function carryOverClockJump(db: Database, host: HostTime): number {
  return translate(db.name, () => {
    const anchor = { bootId: host.bootId, offsetMs: host.nowMs - host.sinceBootMs };
    const known = readAnchor(db);
    const isSameBoot = known?.bootId === host.bootId;
    const jumpMs = Math.round(
      isSameBoot ? anchor.offsetMs - known.offsetMs : Math.min(0, host.nowMs - newestEventMs(db)),
    );
    const hasJumped = Math.abs(jumpMs) > TOLERATED_MS;
    if (isSameBoot && !hasJumped) return 0;
    db.transaction(() => {
      if (hasJumped) db.exec(shiftBy(jumpMs));
      db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)").run(KEY, JSON.stringify(anchor));
    })();
    return hasJumped ? jumpMs : 0;
  });
}

function readAnchor(db: Database): Anchor | null {
  const text = db.prepare("SELECT value FROM meta WHERE key = ?").pluck().get(KEY) as string | undefined;
  return text === undefined ? null : (JSON.parse(text) as Anchor);
}

function newestEventMs(db: Database): number {
  return (
    (db.prepare("SELECT at FROM events ORDER BY seq DESC LIMIT 1").pluck().get() as number | undefined) ?? 0
  );
}

/** A field of a JSON column, moved; one that is not there stays away. */
const moved = (column: string, field: string, byMs: number): string =>
  `'$.${field}', json_extract(${column}, '$.${field}') + ${byMs}`;

/** A hold that has an end is a back-off once the job has run, before that it is the calendar's. */
function shiftBy(byMs: number): string {
  return `
UPDATE jobs SET submitted_at = submitted_at + ${byMs}, started_at = started_at + ${byMs},
    ending = json_replace(ending, ${moved("ending", "sinceMs", byMs)}),
    hold = CASE WHEN attempts > 0 AND json_extract(hold, '$.untilMs') IS NOT NULL
      THEN json_replace(hold, ${moved("hold", "untilMs", byMs)}) ELSE hold END
  WHERE state IN ('held','queued','starting','running');
UPDATE attempts SET started_at = started_at + ${byMs} WHERE finished_at IS NULL;
UPDATE workers SET created_at = created_at + ${byMs}, ready_at = ready_at + ${byMs}, backfill_until = backfill_until + ${byMs},
    phase = json_replace(phase, ${moved("phase", "sinceMs", byMs)}, ${moved("phase", "idleSinceMs", byMs)})
  WHERE state NOT IN ('gone','failed');
UPDATE lanes SET arrivals = json_replace(arrivals, ${moved("arrivals", "atMs", byMs)}, ${moved("arrivals", "sinceMs", byMs)})
  WHERE json_extract(arrivals, '$.atMs') IS NOT NULL;
UPDATE lanes SET learned = json_replace(learned, ${moved("learned", "noSleepUntilMs", byMs)})
  WHERE json_extract(learned, '$.noSleepUntilMs') < ${FOR_GOOD_MS};
UPDATE accounts SET usage_at = usage_at + ${byMs};
UPDATE submission_keys SET at = at + ${byMs};
UPDATE webhooks SET failing_since = failing_since + ${byMs}, next_at = next_at + ${byMs} WHERE state = 'open';
`;
}
