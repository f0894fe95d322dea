import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { formatBytes } from "../../std/bytes.ts";
import { errnoOf } from "../../std/failure.ts";
import { bad, type Check, type Finding, ok, warn } from "./finding.ts";

/** f_type of statfs(2) where locks or fsync cannot be trusted. */
const NETWORK: Readonly<Record<number, string>> = {
  26985: "NFS", // 0x6969
  20859: "SMB", // 0x517b
  4283649346: "CIFS", // 0xff534d42
  4266872130: "SMB2", // 0xfe534d42
  16914839: "9p", // 0x01021997
  12805120: "Ceph", // 0x00c36400
  198183888: "Lustre", // 0x0bd00bd0
  1397113167: "AFS", // 0x5346414f
};
const TMPFS = 16_914_836; // 0x01021994
const FUSE = 1_702_057_286; // 0x65735546
const TOO_LITTLE_BYTES = 64 * 2 ** 20;
const LITTLE_BYTES = 2 ** 30;

/** The folder of the database: there, ours to write to, with room, and on a disk that keeps what was written. */
export const checkState: Check = {
  name: "state",
  async look({ paths }) {
    return checkFolder(paths.stateDir);
  },
};

function checkFolder(dir: string): readonly Finding[] {
  const nearest = nearestFolder(dir);
  const refused = whyNotWritable(nearest);
  const fix = "set ORCH_HOME to a folder of your own on a local disk";
  if (refused !== null) return [bad("state", `${nearest} cannot be written to`, refused, fix)];
  const isThere = nearest === dir;
  const { type, bavail, bsize, files, ffree } = statfsSync(nearest);
  const freeBytes = bavail * bsize;
  const findings = [judgeFileSystem(dir, type), checkMount(nearest)].filter((each) => each !== null);
  if (freeBytes < TOO_LITTLE_BYTES || (files > 0 && ffree === 0)) {
    const left =
      freeBytes < TOO_LITTLE_BYTES ? `${formatBytes(freeBytes)} are free` : "no file can be made any more";
    return [
      ...findings,
      bad("state", `the disk of ${dir} is full`, left, `df -h ${nearest}; du -sh ${dir}/*`),
    ];
  }
  const free = `${formatBytes(freeBytes)} free`;
  if (freeBytes < LITTLE_BYTES) {
    const why = "logs and outputs of jobs lie there, too";
    return [...findings, warn("state", `${dir}, only ${free}`, why, `df -h ${nearest}; du -sh ${dir}/*`)];
  }
  return findings.length > 0 ? findings : [ok("state", `${dir}${isThere ? "" : " (not made yet)"}, ${free}`)];
}

function nearestFolder(dir: string): string {
  let at = dir;
  while (!existsSync(at) && at !== dirname(at)) at = dirname(at);
  return at;
}

function whyNotWritable(dir: string): string | null {
  try {
    if (!statSync(dir).isDirectory()) return "it is not a folder";
    accessSync(dir, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return errnoOf(error) ?? String(error);
  }
}

/** What is wrong with the kind of file system that a folder lies on, by its `f_type` of statfs(2); null when nothing is. */
export function judgeFileSystem(dir: string, type: number): Finding | null {
  const network = NETWORK[type];
  const fix = "set ORCH_HOME to a folder on a local disk";
  if (network !== undefined)
    return bad(
      "state",
      `${dir} lies on ${network}`,
      "SQLite's locks and write-ahead log need a local disk",
      fix,
    );
  if (type === TMPFS)
    return warn("state", `${dir} lies in memory (tmpfs)`, "all jobs are forgotten at a reboot", fix);
  if (type === FUSE)
    return warn(
      "state",
      `${dir} lies on a FUSE file system`,
      "many of them do not keep what fsync promised",
      fix,
    );
  return null;
}

/** Options by which a file system says that it does not wait for the disk. */
function checkMount(dir: string): Finding | null {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(
      ([, , , , point = ""]) => dir === point || dir.startsWith(point.endsWith("/") ? point : `${point}/`),
    )
    .sort((a, b) => (b[4]?.length ?? 0) - (a[4]?.length ?? 0));
  const options = [mounts[0]?.[5], mounts[0]?.at(-1)].join(",").split(",");
  const lying = options.find((option) => option === "nobarrier" || option === "barrier=0");
  if (lying === undefined) return null;
  const why = "the disk may lose what it said it had written when the power fails";
  return warn(
    "state",
    `${mounts[0]?.[4]} is mounted with ${lying}`,
    why,
    `mount -o remount,barrier ${mounts[0]?.[4]}`,
  );
}
