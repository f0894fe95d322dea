import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Failure } from "../../src/std/failure.ts";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

/** A disk of its own, small enough to be filled. Needs root and a kernel that lets it mount. */
function mountDisk(): { readonly dir: string; readonly mount: string } | null {
  const dir = mkdtempSync(join(tmpdir(), "orch-full-"));
  const mount = join(dir, "disk");
  mkdirSync(mount);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=32m,mode=700", "tmpfs", mount], { stdio: "ignore" });
    return { dir, mount };
  } catch {
    rmSync(dir, { recursive: true, force: true });
    return null;
  }
}

function unmount(disk: { readonly dir: string; readonly mount: string }): void {
  execFileSync("umount", ["-l", disk.mount]);
  rmSync(disk.dir, { recursive: true, force: true });
}

/** Writes until not one more byte fits. */
function fill(file: string): void {
  for (let bytes = 2 ** 22; bytes >= 1; bytes = Math.floor(bytes / 2)) {
    for (;;) {
      try {
        writeFileSync(file, Buffer.alloc(bytes), { flag: "a" });
      } catch {
        break;
      }
    }
  }
}

/** Submits held jobs until one is refused: a little room may be left in files that are there. */
async function submitUntilRefused(host: Host): Promise<{ failure: Failure; accepted: number[] }> {
  const accepted: number[] = [];
  const filler = "x".repeat(20_000);
  while (accepted.length < 5000) {
    try {
      const job = await host.sh("true", {
        env: { FILLER: `${accepted.length}${filler}` },
        options: { hold: true },
      });
      accepted.push(job.id);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return { failure: error, accepted };
    }
  }
  throw new Error("the disk is full and yet 5000 jobs were accepted");
}

test("on a full disk jobs are refused, reads go on, what runs is recorded, and it recovers", async ({
  skip,
}) => {
  const disk = mountDisk();
  if (disk === null) return skip("no tmpfs can be mounted here");
  const gate = join(disk.dir, "gate");
  execFileSync("mkfifo", [gate]);
  try {
    await using host = await startHost({ home: disk.mount });
    const running = await host.sh(`read line < ${gate}; exit 5`);
    await host.until(running.id, "running");
    const filler = join(disk.mount, "filler");
    fill(filler);

    const { failure, accepted } = await submitUntilRefused(host);
    expect(failure.code).toBe("store/full");
    expect(failure.message).toContain(disk.mount);
    expect(failure.hint).toBe(`df -h ${host.paths.stateDir}`);
    const listed = await host.client.call("GET /jobs", { limit: 10_000 });
    expect(listed.jobs.map(({ id }) => id).toSorted((left, right) => left - right)).toEqual([
      running.id,
      ...accepted,
    ]);
    expect((await host.client.call("GET /status", {})).jobs).toMatchObject({ running: 1 });

    fill(filler); // The refusal gave the reserve back; somebody else takes that as well.
    writeFileSync(gate, "go\n");
    await until("the program has ended", () => !existsSync(`/proc/${running.worker ?? ""}`));

    rmSync(filler);
    const ended = await host.until(running.id, "failed");
    expect(ended.exitCode).toBe(5);
    const next = await host.sh("true");
    await host.until(next.id, "succeeded");
    const reserve = join(host.paths.stateDir, "reserve");
    await until("the reserve is set aside again", () => existsSync(reserve));

    await host.kill();
    await host.start();
    expect((await host.client.call("GET /jobs", { limit: 1 })).total).toBe(accepted.length + 2);
  } finally {
    unmount(disk);
  }
}, 60_000);

test("on a disk that is just full the reserve is enough to record the end of what runs", async ({ skip }) => {
  const disk = mountDisk();
  if (disk === null) return skip("no tmpfs can be mounted here");
  const gate = join(disk.dir, "gate");
  execFileSync("mkfifo", [gate]);
  try {
    await using host = await startHost({ home: disk.mount });
    const running = await host.sh(`read line < ${gate}; exit 5`);
    await host.until(running.id, "running");
    fill(join(disk.mount, "filler"));
    writeFileSync(gate, "go\n");
    const ended = await host.until(running.id, "failed");
    expect(ended.exitCode, "the disk is still full").toBe(5);
  } finally {
    unmount(disk);
  }
}, 60_000);
