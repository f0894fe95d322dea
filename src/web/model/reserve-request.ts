import type { Api } from "../../operations/api.ts";
import { parseDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";

/** What is filled into the form of a reservation. */
export interface ReserveDraft {
  /** "2026-11-22T09:00", on the clock of whoever looks; empty = now. */
  readonly start: string;
  /** How long: "2h". */
  readonly length: string;
  /** Indices of GPUs to choose from; none = any. */
  readonly gpus: readonly string[];
  readonly count: string;
  /** Names with commas between them; empty = whoever makes it. */
  readonly users: string;
  readonly name: string;
}

type Asked = Api["POST /reservations"]["input"];

/** Reads the form of a reservation: a request, or what is wrong. */
export function readReserve(
  draft: ReserveDraft,
  nowMs: number,
): { readonly input: Asked } | { readonly problem: string } {
  const startMs = draft.start === "" ? nowMs : new Date(draft.start).getTime();
  if (Number.isNaN(startMs)) return { problem: "begins: is not a time" };
  if (!/^[1-9]\d?$/.test(draft.count)) return { problem: "GPUs: must be a whole number from 1" };
  const users = draft.users.split(/[\s,]+/).filter((word) => word !== "");
  try {
    const lengthMs = parseDurationMs(draft.length);
    if (lengthMs <= 0) return { problem: "for: must be more than nothing" };
    return {
      input: {
        ...(draft.start === "" ? {} : { start: startMs }),
        end: startMs + lengthMs,
        gpus: Number(draft.count),
        gpu: draft.gpus,
        ...(users.length === 0 ? {} : { users }),
        ...(draft.name.trim() === "" ? {} : { name: draft.name.trim() }),
      },
    };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { problem: `for: ${[error.message, error.hint].join("; ")}` };
  }
}
