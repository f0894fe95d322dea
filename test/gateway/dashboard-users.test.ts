import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import { askAs, runAs, type TestUser, users, whyNoUsers } from "../kit/as-user.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { type Browser, browserWith, type EventReader, readEvents } from "./browser.ts";
import { ask, makeKey } from "./door.ts";

const createHome = useOrch();
const why = whyNoUsers();
const { ada, bob, worker } = users;

/** Follows a link in a process of the user; prints the status and the cookie. */
const FOLLOW = `
require("node:http").get(process.argv[1], (response) => {
  let text = "";
  response.on("data", (chunk) => { text += chunk; });
  response.on("end", () => console.log(JSON.stringify({
    status: response.statusCode, text, cookie: (response.headers["set-cookie"] ?? [""])[0].split(";")[0],
  })));
});
`;

describe.skipIf(why !== null)(`the dashboard of several users${why === null ? "" : `: ${why}`}`, () => {
  let home: OrchHome;
  beforeAll(async () => {
    home = createHome();
    const several = `group: nogroup\nworkerUser: ${worker.name}\n`;
    home.write("config.yaml", `${several}gateway: { listen: "127.0.0.1:0" }\n`);
    home.write(
      "runtimes/note/runtime.yaml",
      "name: note\nprotocol: exec\ncommand: [sh, -c, 'echo made > $ORCH_OUTPUT_DIR/made.txt']\nparams: { file: { type: file } }\n",
    );
    await home.daemon();
  });
  afterAll(() => home?.[Symbol.asyncDispose]());

  const linkOf = async (user: TestUser, bound: boolean): Promise<string> => {
    const { status, text } = await askAs(user, home.socket, "POST /logins", { bound });
    expect(status, text).toBe(200);
    return (JSON.parse(text) as { url: string }).url;
  };
  const followAs = async (user: TestUser, link: string) => {
    const { stdout, stderr } = await runAs(user, [process.execPath, "-e", FOLLOW, link]);
    expect(stderr).toBe("");
    return JSON.parse(stdout) as { status: number; text: string; cookie: string };
  };
  const open = async (user: TestUser): Promise<Browser & { readonly url: string }> => {
    const link = await linkOf(user, false);
    const url = new URL(link).origin;
    return { url, ...browserWith(url, (await followAs(user, link)).cookie) };
  };
  const stateOf = async (
    reader: EventReader,
  ): Promise<Record<string, { jobs: Record<string, unknown>[] }>> => {
    await until("a state", () => reader.events.length > 0);
    return Object.assign({}, ...reader.events.map(({ data }) => data));
  };

  it("a link that a browser is opened with is for that user's browser alone: others may see it, too", async () => {
    const link = await linkOf(ada, true);
    const other = await followAs(bob, link);
    expect(other).toMatchObject({ status: 403, cookie: "" });
    expect(other.text).toContain(`is for a browser of ${ada.name} on this host`);
    expect((await followAs(ada, link)).status).toBe(303);
    expect((await followAs(bob, await linkOf(ada, false))).status, "one that was handed on").toBe(303);
  });

  it("shows each as much of the others as they may see, and lets each do what that one may", async () => {
    const [hers, his] = [await open(ada), await open(bob)];
    expect((await his.get("/dashboard/me")).json).toMatchObject({
      user: bob.name,
      isAdmin: false,
      scopes: ["read", "submit"],
    });
    const sent = await hers.post("/api/v1/jobs", {
      runtime: "note",
      options: { hold: true, label: "private" },
    });
    const id = Number(sent.json["id"]);
    const [seenByHer, seenByHim] = await Promise.all(
      [hers, his].map(({ url, cookie }) => readEvents(url, "/dashboard/events", { cookie })),
    );
    if (seenByHer === undefined || seenByHim === undefined) throw new Error("two were opened");
    const labelIn = async (reader: EventReader) =>
      (await stateOf(reader))["waiting"]?.jobs.find((job) => job["id"] === id)?.["label"];
    expect(await labelIn(seenByHer)).toBe("private");
    expect(await labelIn(seenByHim)).toBeNull();
    seenByHer.close();
    seenByHim.close();
    expect((await his.post(`/api/v1/jobs/${id}/cancel`, {})).status).toBe(403);
    expect((await his.post("/api/v1/workers/start", { runtime: "note" })).status).toBe(403);
    expect((await hers.post(`/api/v1/jobs/${id}/cancel`, {})).status).toBe(200);
  });

  it("keeps the files of each from the others [fault 52]", async () => {
    const [hers, his] = [await open(ada), await open(bob)];
    const body = { headers: { "x-orch-filename": "own.txt" } };
    const upload = String((await hers.post("/api/v1/uploads", "hers", body)).json["upload"]);
    const submit = (browser: Browser) =>
      browser.post("/api/v1/jobs", { runtime: "note", params: { file: upload } });
    expect(await submit(his)).toMatchObject({ status: 400, json: { code: "param/invalid" } });
    const { json } = await submit(hers);
    await until("it has ended", async () => {
      const { json: job } = await hers.get(`/api/v1/jobs/${json["id"]}`);
      return job["state"] === "succeeded";
    });
    const file = `/api/v1/jobs/${json["id"]}/artifacts`;
    expect((await hers.get(`${file}/0`)).text).toBe("made\n");
    for (const path of [file, `${file}/0`]) expect((await his.get(path)).status, path).toBe(403);
    const key = await makeKey(home, "his", "--user", bob.name);
    expect((await ask(his.url, { path: `${file}/0`, key })).status).toBe(403);
  });
});
