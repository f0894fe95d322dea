import type { JobDetail } from "../../protocol/views.ts";
import { Failure } from "../../std/failure.ts";
import type { Exchange, GatewayPort } from "../port.ts";

/** Larger ones have addresses. */
const MAX_FILE_BYTES = 4 * 2 ** 20;
const MAX_TOTAL_BYTES = 8 * 2 ** 20;

/** The files that a job made as data URLs, by their number: as Cog's servers give them. Files that are gone are left out. */
export async function inlineFiles(
  port: Pick<GatewayPort, "call">,
  { id: job, artifacts, finishedAt }: JobDetail,
  { caller, signal }: Pick<Exchange, "caller" | "signal">,
): Promise<ReadonlyMap<number, string>> {
  const inlined = new Map<number, string>();
  let left = MAX_TOTAL_BYTES;
  for (const [index, artifact] of artifacts.entries()) {
    if (finishedAt === null || artifact.bytes > Math.min(MAX_FILE_BYTES, left)) continue;
    const bytes = await readArtifact(port, { job, index }, { caller, signal });
    if (bytes === null || bytes.length > left) continue;
    left -= bytes.length;
    inlined.set(
      index,
      `data:${artifact.type ?? "application/octet-stream"};base64,${bytes.toString("base64")}`,
    );
  }
  return inlined;
}

async function readArtifact(
  port: Pick<GatewayPort, "call">,
  asked: { readonly job: number; readonly index: number },
  { caller, signal }: Pick<Exchange, "caller" | "signal">,
): Promise<Buffer | null> {
  try {
    const { handle, bytes } = await port.call("GET /jobs/:job/artifacts/:index", asked, caller, signal);
    try {
      // Of the size it had: a job of another user's may still write to it.
      const whole = Buffer.alloc(Math.min(bytes, MAX_FILE_BYTES));
      const { bytesRead } = await handle.read(whole, 0, whole.length, 0);
      return whole.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof Failure && error.code !== "bug") return null;
    throw error;
  }
}
