import { Failure } from "../../std/failure.ts";

/** Where in a form the value of its field `model` is. Bytes from the begin of the body. */
export interface ModelPart {
  readonly model: string;
  readonly start: number;
  readonly end: number;
}

/** Looks through a form (multipart/form-data) as it comes. */
export interface PartFinder {
  /** @returns the field as soon as all of it is there. @throws Failure request/malformed */
  take(chunk: Buffer): ModelPart | null;
}

const HEAD_END = Buffer.from("\r\n\r\n");
/** The names and types of a part. */
const LONGEST_HEAD = 16 * 1024;
const LONGEST_NAME = 1_024;

/** @param contentType that of the request. @throws Failure request/malformed when it is not that of a form */
export function createPartFinder(contentType: string | undefined): PartFinder {
  const delimiter = Buffer.from(`\r\n--${boundaryIn(contentType)}`);
  // The first delimiter may stand at the very begin.
  let kept: Buffer = Buffer.from("\r\n");
  let keptAt = -2;
  let state: "between" | "head" | "value" = "between";
  const drop = (bytes: number): void => {
    kept = kept.subarray(bytes);
    keptAt += bytes;
  };
  const step = (): ModelPart | "more" | "on" => {
    const end = kept.indexOf(state === "head" ? HEAD_END : delimiter);
    if (state === "between") {
      drop(end < 0 ? Math.max(0, kept.length - delimiter.length + 1) : end + delimiter.length);
      if (end >= 0) state = "head";
      return end < 0 ? "more" : "on";
    }
    if (end < 0) {
      if (kept.length <= (state === "head" ? LONGEST_HEAD : LONGEST_NAME)) return "more";
      throw malformed(state === "head" ? "a part of it has no end of its head" : "model is no name");
    }
    if (state === "head") {
      // What follows a delimiter is looked at from there: a value that is empty begins with the next one.
      const isModel = isOfModel(kept.toString("latin1", 0, end));
      drop(end + (isModel ? HEAD_END.length : 2));
      state = isModel ? "value" : "between";
      return "on";
    }
    return { model: kept.toString("utf8", 0, end), start: keptAt, end: keptAt + end };
  };
  return {
    take(chunk) {
      kept = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
      for (;;) {
        const found = step();
        if (found === "more") return null;
        if (found !== "on") return found;
      }
    },
  };
}

/** RFC 2046: up to 70 characters. */
function boundaryIn(contentType = ""): string {
  const match = /^multipart\/form-data\b.*;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary !== undefined) return boundary;
  throw new Failure("request/malformed", "the body of the request is no form with files", {
    hint: "send it as multipart/form-data, as curl -F does",
  });
}

function isOfModel(head: string): boolean {
  return /^content-disposition:\s*form-data\b[^\r\n]*;\s*name="?model"?\s*(?:;|\r|$)/im.test(head);
}

function malformed(why: string): Failure {
  return new Failure("request/malformed", "the body of the request is not valid", { why });
}
