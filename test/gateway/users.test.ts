import { describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import { users, whyNoUsers } from "../kit/as-user.ts";
import { ask, makeKey, urlOf, writeConfig } from "./door.ts";

const createHome = useOrch();
const why = whyNoUsers();
const { ada, bob, stranger, worker } = users;

describe.skipIf(why !== null)(`keys of several users${why === null ? "" : `: ${why}`}`, () => {
  it("see and change what is their user's, whoever made them", async () => {
    await using home = createHome();
    const several = `group: nogroup\nworkerUser: ${worker.name}\n`;
    home.write("config.yaml", `${several}gateway: { listen: "127.0.0.1:0" }\n`);
    home.write("runtimes/note/runtime.yaml", "name: note\nprotocol: exec\ncommand: ['true']\n");
    await home.daemon();
    const keys = {
      ada: await makeKey(home, "ada", "--user", ada.name),
      bob: await makeKey(home, "bob", "--user", bob.name, "--scope", "read,submit,admin"),
      root: await makeKey(home, "root"),
      admin: await makeKey(home, "admin", "--scope", "admin"),
    };
    const url = await urlOf(home);
    const post = (path: string, body: unknown, key: string) =>
      ask(url, { method: "POST", path: `/api/v1${path}`, body, key });
    const held = { runtime: "note", options: { hold: true, label: "private" } };
    const { status, json } = await post("/jobs", held, keys.ada);
    expect([status, json["user"], json["label"]]).toEqual([200, ada.name, "private"]);
    for (const key of [keys.bob, keys.root]) {
      const seen = await ask(url, { path: "/api/v1/jobs/1", key });
      expect(seen.json).toMatchObject({ id: 1, user: ada.name, label: null });
      expect((await ask(url, { path: "/api/v1/jobs/1/logs", key })).status).toBe(403);
      const refused = await post("/jobs/1/cancel", {}, key);
      expect(refused).toMatchObject({ status: 403, json: { title: `job 1 belongs to ${ada.name}` } });
    }
    expect((await post("/jobs", { runtime: "note" }, keys.root)).json["title"]).toBe(
      "root's jobs are refused",
    );
    const admin = await post("/runtimes/note/forget", {}, keys.bob);
    expect(admin.json, "a key gives nobody more than its user has").toMatchObject({
      code: "permission/denied",
    });
    expect((await ask(url, { path: "/api/v1/jobs/1", key: keys.admin })).json["label"]).toBe("private");
    expect((await post("/jobs/1/cancel", {}, keys.admin)).status).toBe(200);
    const made = await home.orch(["keys", "add", "--name", "stranger", "--user", stranger.name]);
    expect(made).toMatchObject({ code: 4, stdout: "" });
    expect(made.stderr).toContain("is not in the group nogroup");
  });

  it("cannot be left out: nobody could tell whose jobs they are", async () => {
    await using home = createHome();
    writeConfig(home, "  insecureLoopback: true\ngroup: nogroup\n");
    const daemon = home.launchDaemon();
    expect(await daemon.ended).not.toBe(0);
    expect(daemon.stderr()).toContain("error: gateway.insecureLoopback and group are both set");
  });
});
