/**
 * What has to be known to talk to a server that was not written for orch: plain data, kept with the worker, so that a
 * later daemon talks to it in the same way whatever the runtime's file says by then.
 */
export interface ServiceSpec {
  /** Path that answers 200 once jobs can be served; null = the protocol's own. */
  readonly readyPath: string | null;
  /** The name by which the server knows its model; null = the one it lists first. Protocol `openai`. */
  readonly model: string | null;
}
