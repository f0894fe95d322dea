import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startHost } from "../kit/host.ts";

const HANDLER = `
import os, time
from orch_sdk import serve

class Handler:
    def load(self, params):
        self.hold("8GiB")

    def run(self, params, ctx):
        return None

    def sleep(self):
        self.hold("1GiB")

    def wake(self):
        time.sleep(0.2)
        self.hold("8GiB")

    def hold(self, amount):
        gpu = os.environ["CUDA_VISIBLE_DEVICES"].rsplit("-", 1)[-1]
        path = os.path.join(os.environ["HELD"], f"{gpu}-{os.getpid()}")
        with open(path + ".new", "w") as file:
            file.write(amount)
        os.rename(path + ".new", path)

serve(Handler())
`;

it("orch workers switch between two that sleep tells who falls asleep and who wakes", async () => {
  const held = mkdtempSync(join(tmpdir(), "orch-held-"));
  try {
    await using host = await startHost({
      gpus: `virtual:1x12GiB,held=${held}`,
      config: "vramReserve: 0\n",
    });
    for (const name of ["day", "night"]) {
      const yaml = `name: ${name}\ngpu: { count: 1, vram: 8GiB }\nsleep: { residue: 1GiB, ram: 0 }\nenv: { HELD: "${held}" }\n`;
      host.addRuntime(name, yaml, { "handler.py": HANDLER });
    }
    const switchTo = async (name: string): Promise<string[]> => {
      const { code, stdout, stderr } = await host.cli("workers", "switch", name);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      return stdout
        .trimEnd()
        .split("\n")
        .map((line) => line.replace(/ +[\d.]+ m?s +/, " "));
    };
    expect((await switchTo("day")).at(-1)).toBe("ready day-1");
    const slept = await switchTo("night");
    expect(slept[0]).toBe("sleep day-1");
    expect(slept.at(-1)).toBe("ready night-2");
    expect(await switchTo("day")).toEqual(["sleep night-2", "wake day-1", "ready day-1"]);
    const job = await host.client.call("POST /jobs", { runtime: "night" });
    await host.until(job.id, "succeeded");
    const { life } = await host.client.call("GET /jobs/:job", { job: job.id });
    expect(life.filter(({ phase }) => phase === "start")).toMatchObject([{ text: "night-2 woke up" }]);
  } finally {
    rmSync(held, { recursive: true, force: true });
  }
});
