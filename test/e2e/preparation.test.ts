import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { addResidents } from "./runtimes.ts";
import { query, submit, untilOver, useOrch } from "./session.ts";

// What `venv` and `pip` really do is tested in test/engine; they take ten seconds. Here a python3 in front of the real one
// makes environments at once, or, while there is a file "hold", stands still and then fails as a full disk makes it fail.

const createHome = useOrch();

function createNeedyHome(): OrchHome {
  const python = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], {
    encoding: "utf8",
  }).trim();
  const home = createHome();
  Object.assign(home.env, { PATH: `${path.join(home.dir, "bin")}:${home.env["PATH"] ?? ""}` });
  home.write(
    "bin/python3",
    `#!/bin/sh
[ "$2" = venv ] || exec ${python} "$@"
: > ${home.dir}/asked
if [ -e ${home.dir}/hold ]; then
  while [ -e ${home.dir}/hold ]; do sleep 0.02; done
  echo "No space left on device"
  exit 1
fi
mkdir -p "$3/bin"
printf '#!/bin/sh\\n[ "$2" = pip ] && exit 0\\nexec ${python} "$@"\\n' > "$3/bin/python"
chmod +x "$3/bin/python"
`,
    0o755,
  );
  addNeedy(home, "");
  return home;
}

function addNeedy(home: OrchHome, requirements: string): void {
  home.write("runtimes/needy/requirements.txt", requirements);
  home.write(
    "runtimes/needy/runtime.yaml",
    "name: needy\ncommand: [python3, handler.py]\npython: { requirements: requirements.txt }\ngpu: { count: 1 }\n",
  );
  home.write(
    "runtimes/needy/handler.py",
    "from orch_sdk import serve\nclass H:\n    def run(self, params, ctx):\n        return 1\nserve(H())\n",
  );
}

const eventsOf = (home: OrchHome, type: string) =>
  query<{ at: number; text: string }>(home, "SELECT at, text FROM events WHERE type = ? ORDER BY seq", type);

const reasonOf = async (home: OrchHome, job: number) =>
  (await home.client.call("GET /jobs/:job/why", { job })).reason;

it("[fault 41] an environment that is being built holds no GPU: others run, and the job says what it waits for", async () => {
  await using home = createNeedyHome();
  addResidents(home);
  home.write("hold", "");
  await home.daemon();
  const job = await submit(home, "needy");
  await until("it is being built", () => fs.existsSync(path.join(home.dir, "asked")));
  const reason = await reasonOf(home, job);
  expect(reason).toMatchObject({ code: "preparing" });
  expect(reason?.text).toMatch(/^its Python environment is being built \(.+\); no GPU is held meanwhile$/);
  expect(query(home, "SELECT * FROM leases WHERE released_at IS NULL")).toEqual([]);
  expect((await untilOver(home, await submit(home, "left"))).state).toBe("succeeded");
  fs.rmSync(path.join(home.dir, "hold"));
  const failed = await until("the build fails", () => eventsOf(home, "lane-prepare-failed")[0]);
  expect(failed.text).toMatch(/the Python environment of needy could not be made.*No space left on device/);
  expect((await untilOver(home, job)).state).toBe("succeeded");
  expect(eventsOf(home, "lane-prepared")).toHaveLength(1);
});

it("[fault 41] a build that fails every time fails its job with the reason, and no worker was ever made", async () => {
  await using home = createNeedyHome();
  fs.writeFileSync(
    path.join(home.dir, "bin/python3"),
    '#!/bin/sh\n[ "$1" = -c ] && echo /usr/bin/python3 && exit 0\necho no space left; exit 1\n',
  );
  await home.daemon();
  const job = await submit(home, "needy");
  const { reason } = await untilOver(home, job);
  expect(reason).toMatchObject({ code: "start-failed" });
  expect(reason?.text).toMatch("no space left");
  expect(eventsOf(home, "lane-prepare-failed")).toHaveLength(3);
  expect(query(home, "SELECT * FROM workers")).toEqual([]);
});

it("an environment that is there is only looked at, and one that was removed is made anew", async () => {
  await using home = createNeedyHome();
  await home.daemon();
  expect((await untilOver(home, await submit(home, "needy"))).state).toBe("succeeded");
  expect(eventsOf(home, "lane-prepared")).toHaveLength(1);
  await home.orch(["workers", "stop", "needy-1"]);
  addNeedy(home, "# other requirements make another environment\n");
  expect((await untilOver(home, await submit(home, "needy"))).state).toBe("succeeded");
  expect(eventsOf(home, "worker-failed")[0]?.text).toMatch("is not there any more");
  expect(eventsOf(home, "lane-prepared")).toHaveLength(2);
});
