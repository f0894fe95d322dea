import type { Readable } from "node:stream";
import { Busboy, type BusboyInstance } from "@fastify/busboy";
import { Failure } from "../std/failure.ts";

/** A file in a form, as it comes. */
export interface FormFile {
  readonly field: string;
  /** As it was sent: it may hold a path. "" = none was given. */
  readonly name: string;
  readonly type: string | null;
  readonly bytes: Readable;
}

/** A form that was read to its end. */
export interface Form<Kept> {
  readonly fields: Readonly<Record<string, string>>;
  /** What was kept of its files, in their order. */
  readonly files: readonly { readonly field: string; readonly kept: Kept }[];
}

interface FormPlan<Kept> {
  /** Keeps a file, reading all of it, and removes what it has if that rejects; undefined = it is not wanted. */
  readonly keep: (file: FormFile) => Promise<Kept> | undefined;
  /** A field that is a file though no name of a file stands beside it. */
  readonly fileField?: string;
}

/** Beyond these a form is refused; what stands in the head of a part beyond its size is not looked at. */
const LIMITS = {
  ...{ parts: 120, fields: 100, files: 16, headerPairs: 100 },
  ...{ headerSize: 16_384, fieldSize: 2 ** 20 },
};

/**
 * Reads a form (multipart/form-data, RFC 7578) to its end: texts into memory, files where `keep` puts them, no faster than it
 * takes them. However it fails, `keep` is done with its files by then, and what is left of the body is not read.
 * @throws Failure request/malformed, interrupted, and as `keep`
 */
export async function readForm<Kept>(
  body: Readable,
  contentType: string | undefined,
  { keep, fileField }: FormPlan<Kept>,
): Promise<Form<Kept>> {
  const form = openForm(contentType, fileField);
  const fields = new Map<string, string>();
  const files: { readonly field: string; readonly keeping: Promise<Kept> }[] = [];
  const streams: Readable[] = [];
  let fail = (_error: unknown): void => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);
  form.on("error", (error: Error) => fail(malformed(error.message)));
  for (const [event, what] of limitEvents) form.on(event, () => fail(malformed(`it has more than ${what}`)));
  form.on("field", (field: string | undefined, value, _isNameCut, isCut) => {
    if (isCut) fail(malformed(`its field ${shown(field)} holds more than ${LIMITS.fieldSize} bytes`));
    else if (field !== undefined) fields.set(field, value);
  });
  form.on("file", (field: string | undefined, stream, name: string | undefined, _encoding, type) => {
    stream.on("error", (error: Error) => fail(malformed(error.message)));
    const keeping = keep({ field: field ?? "", name: name ?? "", type, bytes: stream });
    if (keeping === undefined) return void stream.resume();
    streams.push(stream);
    files.push({ field: field ?? "", keeping });
    keeping.catch(fail);
  });
  const pump = startPump(body, form);
  try {
    await Promise.race([pump.done, failed]);
    const kept = files.map(async ({ field, keeping }) => ({ field, kept: await keeping }));
    return { fields: Object.fromEntries(fields), files: await Promise.all(kept) };
  } catch (error) {
    pump.stop();
    for (const stream of streams) stream.destroy(new Error("the form was cut short"));
    await Promise.allSettled(files.map(({ keeping }) => keeping));
    throw error;
  }
}

const limitEvents = [
  ["partsLimit", `${LIMITS.parts} parts`],
  ["fieldsLimit", `${LIMITS.fields} texts`],
  ["filesLimit", `${LIMITS.files} files`],
] as const;

function openForm(contentType: string | undefined, fileField: string | undefined): BusboyInstance {
  const [, boundary] =
    /^multipart\/form-data\s*;(?:.*;)?\s*boundary=("[^"]{1,70}"|[^\s;"]{1,70})\s*(?:;|$)/i.exec(
      contentType ?? "",
    ) ?? [];
  if (boundary === undefined) throw malformed("it is not multipart/form-data with a boundary");
  return new Busboy({
    headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
    preservePath: true,
    isPartAFile: (field, type, name) =>
      name !== undefined ||
      type === "application/octet-stream" ||
      (field !== undefined && field === fileField),
    limits: LIMITS,
  });
}

/** Feeds the form. Not by a pipe: that would end the connection of whoever sent a wrong one, and they would not be told. */
function startPump(body: Readable, form: BusboyInstance): { readonly done: Promise<void>; stop(): void } {
  let isStopped = false;
  const source = body.iterator({ destroyOnReturn: false });
  const ended = new Promise<void>((resolve) => form.once("finish", resolve));
  const next = async (): Promise<Buffer | null> => {
    try {
      const { done, value } = await source.next();
      return done === true ? null : (value as Buffer);
    } catch (error) {
      throw error instanceof Failure ? error : new Failure("interrupted", "the caller has gone");
    }
  };
  const feed = async (): Promise<void> => {
    for (let chunk = await next(); chunk !== null && !isStopped; chunk = await next())
      if (!form.write(chunk)) await new Promise<void>((resolve) => form.once("drain", resolve));
    if (isStopped) return;
    form.end();
    await ended;
  };
  const done = feed();
  done.catch(() => undefined);
  return {
    done,
    stop() {
      isStopped = true;
    },
  };
}

function shown(field: string | undefined): string {
  return JSON.stringify((field ?? "").slice(0, 50));
}

function malformed(why: string): Failure {
  return new Failure("request/malformed", "the body of the request is no form with a file in it", {
    why,
    hint: "curl -F content=@FILE",
  });
}
