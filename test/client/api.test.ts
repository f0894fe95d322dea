import { expect, expectTypeOf, test } from "vitest";
import type { Client, InputOf, LineOf, OutputOf } from "../../src/client/client.ts";
import type { FollowLine } from "../../src/protocol/follow-line.ts";
import type { EventView, JobView } from "../../src/protocol/views.ts";

test("the client's types are those of the operations", () => {
  expectTypeOf<OutputOf<"POST /jobs/:job/cancel">>().toEqualTypeOf<JobView>();
  expectTypeOf<OutputOf<"POST /jobs/batch">>().toEqualTypeOf<{
    ids: number[];
    isRepeat?: boolean | undefined;
  }>();
  expectTypeOf<LineOf<"GET /events">>().toEqualTypeOf<EventView>();
  expectTypeOf<LineOf<"GET /follow">>().toEqualTypeOf<FollowLine>();
  expectTypeOf<InputOf<"POST /workers/:worker/pin">>().toEqualTypeOf<{
    readonly worker: string;
    readonly pinned: boolean;
  }>();
  expectTypeOf<InputOf<"GET /jobs/:job">>().not.toBeAny();
  expectTypeOf<InputOf<"POST /jobs">>().not.toBeAny();
});

test("wrong calls are refused by the compiler", () => {
  // Never called: that it compiles, with every expected error, is the test.
  const refused = (client: Client): void => {
    // @ts-expect-error there is no such route
    void client.call("GET /nothing", {});
    // @ts-expect-error the id is missing
    void client.call("GET /jobs/:job", {});
    // @ts-expect-error a wrong name
    void client.call("POST /jobs", { runtime: "echo", parameters: {} });
    // @ts-expect-error no such mode
    void client.call("POST /shutdown", { mode: "now" });
    // @ts-expect-error a stream is no call
    void client.call("GET /events", {});
    // @ts-expect-error and a call is no stream
    client.stream("GET /jobs", {});
  };
  expect(refused).toBeTypeOf("function");
});
