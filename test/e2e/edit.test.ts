import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { addRuntime } from "./runtimes.ts";
import { query, runDetached, submit, untilOver, untilState, useOrch } from "./session.ts";

const createHome = useOrch();

const PARAMS = `params:
  text: { type: string, required: true, help: what to say }
  times: { type: integer, default: 1, min: 1, max: 9, help: how often }
  voice: { type: string, default: low, load: true }
  source: { type: file }
`;
const SPEAK = "import sys; print(' '.join([sys.argv[1]] * int(sys.argv[2])))";

/** A home with a runtime of programs, of which one holds the only core until "go" is there. */
async function createHost(): Promise<OrchHome & { blocker: number }> {
  const home = createHome({ ORCH_CPU_CORES: "1" });
  addRuntime(home, "speak", ["python3", "-c", SPEAK, "{text}", "{times}"], {
    protocol: "exec",
    params: PARAMS,
  });
  home.write(
    "runtimes/speak/runtime.yaml",
    readFileSync(`${home.dir}/runtimes/speak/runtime.yaml`, "utf8").replace(
      /^gpu:.*\n/m,
      "gpu: { count: 0 }\n",
    ),
  );
  await home.daemon();
  const blocker = await runDetached(home, "--", "sh", "-c", "while [ ! -e go ]; do sleep 0.02; done");
  await untilState(home, blocker, "running");
  return Object.assign(home, { blocker });
}

/** An editor that does with its file what the script says, "$1" being the file, and keeps what it was shown. */
function editor(home: OrchHome, script: string): Record<string, string> {
  const path = home.write("editor", `#!/bin/sh\ncat "$1" >> "${home.dir}/shown"\n${script}\n`, 0o755);
  return { EDITOR: "false", VISUAL: path };
}

const shown = (home: OrchHome): string => readFileSync(`${home.dir}/shown`, "utf8");

describe("orch edit", () => {
  it("changes params, which are checked, and all else of a waiting job", async () => {
    await using home = await createHost();
    const job = await submit(home, "speak", "--text", "a fox", "--time", "90s");
    const env = editor(
      home,
      `sed -i -e 's/^priority: 0/priority: high/' -e 's/^time: 90s/time: none/' -e 's/a fox/two: foxes/' \\
        -e 's/^  text: two: foxes/  text: "two: foxes"/' -e 's/times: 1/times: 3/' -e 's/voice: low/voice: high/' "$1"`,
    );
    const { code, stdout, stderr } = await home.orch(["edit", String(job)], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^job 2 queued \(it needs 1 of 1 CPU cores/);
    expect(
      shown(home),
    ).toBe(`# job 2 (speak), queued. Save and close to change it; close it as it is to leave it so.
priority: 0  # -1000 to 1000, or a name such as high; higher goes first
retries: 0  # run again this often after a failure
time: 90s  # stop it after this long, e.g. 90s or 2h; or none
begin: none  # not before then, e.g. 22:00, "tomorrow 9:00" or +2h; or none
deadline: none  # must be done by then, else it is given up; or none
params:  # without its line, a param gets its default
  text: a fox  # what to say (string; required)
  times: 1  # how often (integer; 1 to 9; default 1)
  voice: low  # (string; default "low"; needs a worker of its own)
  # source:  # (file: path, URL or -)
`);
    const detail = await home.client.call("GET /jobs/:job", { job });
    expect(detail).toMatchObject({
      priority: 100,
      timeLimitMs: null,
      params: { text: "two: foxes", times: 3, voice: "high" },
      summary: "two: foxes",
      lane: expect.stringContaining("voice"),
    });
    expect(detail.timeline.at(-1)?.type).toBe("job-changed");
    expect(readdirSync(`${home.dir}/cache/edit`)).toEqual([]);
    home.write("go", "");
    await untilOver(home, job);
    expect((await home.orch(["logs", String(job)])).stdout).toBe("two: foxes two: foxes two: foxes\n");
  });

  it("keeps the change over a kill of the daemon", async () => {
    await using home = createHome();
    addRuntime(home, "speak", ["true"], { protocol: "exec", params: PARAMS });
    const daemon = await home.daemon();
    const job = await submit(home, "speak", "--text", "a", "--hold");
    expect((await home.orch(["update", String(job), "--param", "voice=high"])).code).toBe(0);
    await daemon.kill();
    await home.daemon();
    expect(await home.client.call("GET /jobs/:job", { job })).toMatchObject({
      state: "held",
      params: { text: "a", times: 1, voice: "high" },
    });
    expect((await home.orch(["release", String(job)])).code).toBe(0);
    expect((await untilOver(home, job)).state).toBe("succeeded");
    const lanes = query<{ lane: string }>(home, "SELECT lane FROM workers");
    expect(lanes.map(({ lane }) => lane)).toEqual([expect.stringContaining("high")]);
  });

  it("opens the editor again with the error on top, until it is right or left as it is", async () => {
    await using home = await createHost();
    const job = await submit(home, "speak", "--text", "a fox");
    const wrongThenRight = `if grep -q '^#! error' "$1"; then sed -i 's/times: 10/times: 2/' "$1";
      else sed -i 's/times: 1 /times: 10 /' "$1"; fi`;
    const mended = await home.orch(["edit", String(job)], { env: editor(home, wrongThenRight) });
    expect(mended).toMatchObject({ code: 0, stderr: "" });
    expect(shown(home)).toMatch(/^#! error: param "times": 10 is not allowed\n#! {3}why: .*9\n# job 2/m);
    expect((await home.client.call("GET /jobs/:job", { job })).params["times"]).toBe(2);
    const givenUp = `grep -q '^#! error' "$1" || echo 'times: 3' >> "$1"`;
    const left = await home.orch(["edit", String(job)], { env: editor(home, givenUp) });
    expect(left.code).toBe(2);
    expect(left.stderr).toContain('error: "times" is nothing of a job that can be changed');
    const broken = `grep -q '^#! error' "$1" || echo 'a: [' >> "$1"`;
    const unread = await home.orch(["edit", String(job)], { env: editor(home, broken) });
    expect(unread.stderr).toMatch(/^error: job 2:\d+:\d+: it is not valid YAML/);
    const same = await home.orch(["edit", String(job)], { env: editor(home, "true") });
    expect(same).toEqual({ code: 0, stdout: "", stderr: "nothing changed: job 2 is as it was\n" });
    const failing = await home.orch(["edit", String(job)], { env: editor(home, "exit 3") });
    expect(failing.stderr).toContain("failed; nothing is changed\n  why: it ended with 3");
  });

  it("is refused when the job starts meanwhile, and at once when it runs or there is no editor", async () => {
    await using home = await createHost();
    const job = await submit(home, "speak", "--text", "a fox");
    const slow = `sed -i 's/times: 1/times: 2/' "$1"; touch "${home.dir}/go"
      while [ ! -e "${home.dir}/started" ]; do sleep 0.02; done`;
    const editing = home.spawn(["edit", String(job)], { env: editor(home, slow) });
    await untilOver(home, job);
    home.write("started", "");
    const { code, stderr } = await editing.ended;
    expect(code).toBe(6);
    expect(stderr).toMatch(/^error: job 2 has ended \(succeeded\)\n/);
    expect(shown(home).match(/^# job 2/gm), "the editor does not come again").toHaveLength(1);
    const over = await home.orch(["edit", String(home.blocker)], { env: { EDITOR: "true" } });
    expect(over).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("only waiting jobs can be edited"),
    });
    const waiting = await runDetached(home, "--hold", "--", "true");
    const blind = await home.orch(["edit", String(waiting)]);
    expect(blind).toMatchObject({ code: 2, stderr: expect.stringContaining("no terminal for an editor") });
    const command = await home.orch(["edit", String(waiting)], {
      env: editor(home, `sed -i 's/^retries: 0/retries: 4/' "$1"`),
    });
    expect(command.code).toBe(0);
    await until("it has four retries", async () => {
      const { retries } = await home.client.call("GET /jobs/:job", { job: waiting });
      return retries === 4;
    });
    const params = { job: waiting, params: {} };
    await expect(home.client.call("POST /jobs/:job/update", params)).rejects.toMatchObject({
      code: "job/state",
    });
  });
});
