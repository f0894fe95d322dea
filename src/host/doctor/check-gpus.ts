import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createProbe } from "../../gpu/detect.ts";
import type { GpuReading } from "../../gpu/probe.ts";
import { toFailure } from "../../std/failure.ts";
import { bad, type Check, type Finding, type Host, ok, warn } from "./finding.ts";

/** Twice: the way to see GPUs is tried, then asked. */
const DEADLINE_MS = 3_000;
/** PCI ids of the vendors (pci.ids), and the class of display controllers: VGA or 3D. */
const NVIDIA = "0x10de";
const DISPLAY = /^0x03(00|02)/;

/** Driver and GPUs, as the daemon would see them. */
export const checkGpus: Check = {
  name: "gpus",
  async look(host) {
    const wish = await host.config.then(
      ({ config }) => config.gpus,
      () => "auto",
    );
    const driver = checkDriver(host);
    const { probe, detail } = await createProbe(wish, { env: host.env, deadlineMs: DEADLINE_MS });
    try {
      const gpus = await probe.read(DEADLINE_MS);
      return [...driver, ...judge(gpus, detail, wish, driver)];
    } catch (error) {
      const { message, why, hint } = toFailure(error);
      return [...driver, bad("gpus", message, why ?? null, hint ?? "nvidia-smi; dmesg | grep -i nvrm")];
    } finally {
      // A helper that hangs is given up by itself.
      void probe.close();
    }
  },
};

function judge(
  gpus: readonly GpuReading[],
  detail: string,
  wish: string,
  driver: readonly Finding[],
): Finding[] {
  if (gpus.length === 0) {
    const isBroken = driver.some(({ level }) => level === "bad");
    if (wish === "none") return [ok("gpus", detail)];
    if (isBroken) return [bad("gpus", "none can be used", detail, "see the line of the driver")];
    return [warn("gpus", "none", detail, "orch up --gpus virtual:2x24GiB simulates some")];
  }
  const sick = gpus.flatMap(({ index, health }) =>
    health.ok
      ? []
      : [
          bad(
            "gpus",
            `GPU ${index} cannot be used`,
            health.detail,
            "nvidia-smi; dmesg | grep -i -e nvrm -e amdgpu",
          ),
        ],
  );
  const names = gpus.map(({ index, name }) => `${index}: ${name}`).join(", ");
  return [...sick, ok("gpus", `${detail}; ${names}`)];
}

/** What the kernel says, so that a board without a driver is told from a host without boards. */
function checkDriver({ env }: Host): Finding[] {
  const findings: Finding[] = [];
  const version = readOrNull("/proc/driver/nvidia/version")?.match(/Kernel Module.*?\s(\d+[\d.]+)\s/)?.[1];
  if (version !== undefined) findings.push(ok("driver", `NVIDIA ${version}`));
  else if (hasBoard(env["ORCH_SYSFS"] ?? "/sys", NVIDIA)) {
    findings.push(
      bad(
        "driver",
        "there is an NVIDIA GPU and no driver of NVIDIA is loaded",
        "nouveau, or nothing, drives it",
        "install the NVIDIA driver of your distribution; then: modprobe nvidia",
      ),
    );
  }
  if (existsSync("/sys/module/amdgpu")) findings.push(ok("driver", "amdgpu is loaded"));
  return findings;
}

function hasBoard(sysfs: string, vendor: string): boolean {
  const base = join(sysfs, "bus/pci/devices");
  try {
    return readdirSync(base).some(
      (device) =>
        readOrNull(join(base, device, "vendor"))?.trim() === vendor &&
        DISPLAY.test(readOrNull(join(base, device, "class")) ?? ""),
    );
  } catch {
    return false;
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
