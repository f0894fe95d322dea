import { appendFileSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createScrubber } from "../../src/host/report/scrub.ts";
import { untilOver, useOrch } from "../e2e/session.ts";

const home = useOrch();

/** Where a secret lies, and the secret: no two are alike, so that a leak names its place. */
const PLANTED = {
  env: "env-Zk3jQ8wPq2",
  secretFile: "file-9sLm2QqRtY",
  configArgument: "conf-A81kslQpzx",
  configUrl: "url-77QqWmzPla",
  jobParam: "param-Lq9xkAAzWe",
  jobEnv: "jobenv-KqWe82mzla",
  jobLog: "joblog-QzPw81kfba",
  daemonLog: "dlog-Wm2QqPlz81",
  bearer: "bearer-Mz81QqPwlx",
  unit: "unit-Pq81MzLwqx",
} as const;

test("no planted secret is in a report, whichever way it could have come in", async () => {
  await using orch = home({ MY_API_KEY: PLANTED.env });
  const env = { XDG_CONFIG_HOME: join(orch.dir, "config") };
  orch.write("secrets/HF_TOKEN", `${PLANTED.secretFile}\n`, 0o400);
  orch.write(
    "config.yaml",
    `containerArgs: [--env, "HF_TOKEN=${PLANTED.configArgument}", --label, "https://ada:${PLANTED.configUrl}@host/x"]\n`,
  );
  orch.write(
    "config/systemd/user/orch.service.d/own.conf",
    `[Service]\nEnvironment="WANDB_API_KEY=${PLANTED.unit}"\nEnvironment=COLOUR=blue\n`,
  );
  await orch.daemon();
  const script = `echo ${PLANTED.jobLog}; exit 3`;
  const args = ["run", "-q", "-d", "--", "sh", "-c", script, PLANTED.jobParam];
  const id = Number((await orch.orch(args, { env: { DB_PASSWORD: PLANTED.jobEnv } })).stdout);
  await untilOver(orch, id);
  const log = join(orch.dir, "state/daemon.log");
  appendFileSync(
    log,
    `{"msg":"calls","authToken":"${PLANTED.daemonLog}","header":"Authorization: Bearer ${PLANTED.bearer}"}\n`,
  );
  appendFileSync(
    log,
    `{"msg":"from a secret file: ${PLANTED.secretFile} and ${encodeURIComponent(PLANTED.env)}"}\n`,
  );

  const { code, stdout } = await orch.orch(["bug-report", "report.txt"], { env });
  expect([code, stdout]).toEqual([0, `${join(orch.dir, "report.txt")}\n`]);
  const text = readFileSync(join(orch.dir, "report.txt"), "utf8");
  expect(statSync(join(orch.dir, "report.txt")).mode & 0o777).toBe(0o600);
  const leaked = Object.entries(PLANTED).filter(([, secret]) => text.includes(secret));
  expect(leaked).toEqual([]);
  // What is wanted is in it: a report that hides everything helps nobody.
  for (const title of ["versions", "doctor", "paths", "config", "units", "status", "events", "daemon log"])
    expect(text).toContain(`== ${title} ==\n`);
  expect(text).toContain('"probe": "virtual"');
  expect(text).toMatch(/containerArgs = .*HF_TOKEN=\[hidden\]/);
  expect(text).toContain("COLOUR=blue");
  expect(text).toContain('"msg":"ready"');
  expect(text).toContain('"type":"job-failed"');
  expect(text).not.toContain(orch.dir);

  const asked = (await orch.orch(["bug-report", "-", "--job", String(id)], { env })).stdout;
  expect(asked).toContain(PLANTED.jobParam);
  expect(asked).toContain(PLANTED.jobLog);
  expect(asked).not.toContain(PLANTED.jobEnv);
  const again = await orch.orch(["bug-report", "report.txt"], { env });
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("it is there already")]);
});

test("a config that cannot be read, and no daemon: the report says so, and hides what is in the file", async () => {
  await using orch = home();
  orch.write("config.yaml", "gpus: auto\nhfToken: tok-Qz81PwLmxK\n");
  const { code, stdout } = await orch.orch(["bug-report", "-"]);
  expect(code).toBe(0);
  expect(stdout).toContain("config.yaml:2:1: unknown key");
  expect(stdout).toContain("hfToken: [hidden]");
  expect(stdout).not.toContain("tok-Qz81PwLmxK");
  expect(stdout).toContain("== status ==\n(no daemon runs)");
});

test("forms of secrets are hidden wherever they stand; other text is left as it is", () => {
  const scrub = createScrubber({ values: ["a value/with+signs"], names: [["ada-laptop", "[host]"]] });
  const hidden = [
    "hf_abcdefghijklmnop",
    "sk-proj-abcdefghijkl",
    "ghp_0123456789abcdef",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----",
    "https://ada:pw123456@host/x",
    '"apiKey": "k1234567"',
    '\\"password\\":\\"k1234567\\"',
    "--token k1234567",
    '["--token", "k1234567"]',
    "MY_SECRET=k1234567",
    "https://host/x?sig=k1234567",
    "a%20value%2Fwith%2Bsigns",
  ];
  for (const text of hidden) {
    const clean = scrub(`before ${text} after`);
    expect(clean).not.toMatch(/k1234567|pw123456|abcdefghijkl|0123456789|IOSFODNN|MIIabc|eyJzdWI|value%2F/);
    expect(clean).toMatch(/^before .*after$/s);
  }
  expect(scrub("ada-laptop")).toBe("[host]");
  const plain =
    '{"jobs": {"running": 2}, "at": "2026-01-02T00:10:00Z", "path": "/var/lib/orch"} monkey=1 keyboard: us';
  expect(scrub(plain)).toBe(plain);
});
