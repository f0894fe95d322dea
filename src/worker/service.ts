import type { Json } from "../std/json.ts";

/**
 * What has to be known to talk to a server that was not written for orch: plain data, kept with the worker, so that a
 * later daemon talks to it in the same way whatever the runtime's file says by then.
 */
export interface ServiceSpec {
  /** Path that answers 200 once jobs can be served; null = the protocol's own. */
  readonly readyPath: string | null;
  /** The secret that requests carry as a bearer token, by its name and that of its runtime; null = none. */
  readonly key?: { readonly runtime: string; readonly secret: string } | null;
  /** The name by which the server knows its model; null = the one it lists first. Protocol `openai`. */
  readonly model: string | null;
  /** Which endpoint jobs use. Protocol `openai`. */
  readonly api: OpenaiApi;
  /** Params of a job that is run before the server counts as ready; null = the protocol's own, or none. */
  readonly warmUp: Readonly<Record<string, Json>> | null;
  /** Protocol `http`. */
  readonly template: HttpTemplate | null;
  /** Params that are files. */
  readonly fileParams: readonly string[];
  /** Params that the server was started with. */
  readonly loadParams: readonly string[];
}

export type OpenaiApi =
  | "chat"
  | "completions"
  | "embeddings"
  | "images"
  | "transcriptions"
  | "speech"
  | "rerank";

/** How a job becomes a request of a server of protocol `http`, and its answer a result. */
export interface HttpTemplate {
  readonly request: {
    readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
    /** Texts of these hold {param}; a param that is absent takes its header, key or field with it. */
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly query: Readonly<Record<string, string>>;
    readonly body: Json;
    readonly form: Readonly<Record<string, string>> | null;
  };
  readonly response: {
    readonly body: "json" | "binary" | "text";
    /** JSON pointers; null = none. */
    readonly output: string | null;
    readonly text: string | null;
    readonly artifacts: readonly ArtifactRule[];
  };
  readonly progress: {
    readonly path: string;
    readonly everyMs: number;
    readonly fraction: string | null;
    readonly text: string | null;
  } | null;
  /**
   * How a job is asked for that goes on after its request was answered; null = the answer is the result. `path` has {id}, which
   * stands at `id` of the answer; or its address stands at `url`. Absent in what older versions have written down.
   */
  readonly poll?: {
    readonly path: string | null;
    readonly id: string;
    readonly url: string | null;
    readonly everyMs: number;
    readonly status: string;
    readonly done: readonly string[];
    readonly failed: readonly string[];
    readonly error: string | null;
    readonly fraction: string | null;
    readonly text: string | null;
    /** Where the result is, with {id}; null = where the job is asked for. */
    readonly result: string | null;
  } | null;
  readonly cancel: { readonly method: "GET" | "POST" | "PUT" | "DELETE"; readonly path: string } | null;
}

/** Files that are in an answer. */
export interface ArtifactRule {
  /** JSON pointer to a text or a list of texts; "" for an answer that is the file itself. */
  readonly at: string;
  readonly encoding: "base64" | "dataUrl" | "url" | "none";
  /** Null = after the last step of `at`, with the extension of what it is. */
  readonly name: string | null;
  /** MIME type; null = told by its first bytes. */
  readonly type: string | null;
}
