import { Failure, type FailureCode } from "../../../src/std/failure.ts";
import type { Answers } from "../../client/socket-server.ts";

/** A command as it is typed, with what the daemon answers to it, and a way in which it fails. */
export interface GoldenCase {
  readonly argv: readonly string[];
  readonly answers: Answers;
  readonly wrong: { readonly argv?: readonly string[]; readonly answers?: Answers };
  /** The command whose --json is described, where it is not the name of the case. */
  readonly of?: string;
  /** Files of its own, in a folder that is its home and working directory; those in bin/ are programs. */
  readonly files?: Readonly<Record<string, string>>;
  /** Of its environment; DIR in it is that folder. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Takes out what differs from host to host and from run to run. */
  readonly clean?: (text: string) => string;
}

/** An answer of the daemon that is a refusal. */
export const fails = (code: FailureCode, message: string, hint?: string) => (): never => {
  throw new Failure(code, message, { hint });
};
