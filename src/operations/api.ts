import type { z } from "zod";
import type { operations } from "./index.ts";

// The whole API by route, types only: derived from the operations, so that it cannot say anything else than they do.

type AnyOperation = (typeof operations)[number];
type Answering = Extract<AnyOperation, { readonly stream: false }>;
type Streaming = Extract<AnyOperation, { readonly stream: true }>;

/** What callers give is only read: their read-only lists and records are as welcome as others. */
type Given<T> = T extends readonly (infer Item)[]
  ? readonly Given<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Given<T[Key]> }
    : T;

/** Routes that answer once. */
export type Api = {
  [Operation in Answering as Operation["route"]]: {
    input: Given<z.input<Operation["input"]>>;
    output: z.output<Operation["output"]>;
  };
};

/** Routes that answer with a stream of lines. */
export type StreamApi = {
  [Operation in Streaming as Operation["route"]]: {
    input: Given<z.input<Operation["input"]>>;
    line: z.output<Operation["output"]>;
  };
};

export type Submission = Api["POST /jobs"]["input"];
export type JobOptions = NonNullable<Submission["options"]>;
export type Treatment = NonNullable<Api["POST /jobs/run"]["input"]["options"]>;
export type DryRunView = Api["POST /jobs/dry-run"]["output"];
