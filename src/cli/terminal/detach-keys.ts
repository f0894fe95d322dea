import { Failure } from "../../std/failure.ts";

/** As docker has it. */
export const DETACH_KEYS = "ctrl-p,ctrl-q";

/**
 * Reads keys such as "ctrl-p,ctrl-q", "ctrl-\" or "~,.", as docker writes them; "none" means that no keys detach.
 * @returns the bytes that the keys send, or null for "none"
 * @throws Failure usage/invalid
 */
export function parseDetachKeys(text: string): Buffer | null {
  if (text === "none") return null;
  const codes = text.split(",").map(codeOf);
  if (codes.every((code) => code !== null)) return Buffer.from(codes);
  throw new Failure("usage/invalid", `"${text}" names no keys to detach with`, {
    why: "they are single characters, or ctrl- with a letter or one of @ [ \\ ] ^ _, with commas between",
    hint: `--detach-keys ${DETACH_KEYS}, or --detach-keys none`,
  });
}

function codeOf(key: string): number | null {
  const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
  return /^[\x20-\x7e]$/.test(key) ? key.charCodeAt(0) : null;
}

/** Looks for the detach keys in what is typed. */
export interface DetachWatch {
  /** What of it is to be passed on, and whether the keys were pressed, whereupon the rest is dropped. */
  feed(typed: Buffer): { readonly pass: Buffer; readonly isDetach: boolean };
  /** The first keys of the sequence, held back so far: to be passed on when the next one does not come. */
  release(): Buffer;
}

/** Nothing is typed yet. `keys` null: nothing is looked for. */
export function createDetachWatch(keys: Buffer | null): DetachWatch {
  let held: number[] = [];
  const release = (): Buffer => {
    const kept = Buffer.from(held);
    held = [];
    return kept;
  };
  const isBeginning = (bytes: readonly number[]): boolean => bytes.every((byte, at) => byte === keys?.[at]);
  return {
    feed(typed) {
      if (keys === null) return { pass: typed, isDetach: false };
      const pass: number[] = [];
      for (const byte of typed) {
        held.push(byte);
        while (!isBeginning(held)) pass.push(...held.splice(0, 1));
        if (held.length === keys.length) {
          held = [];
          return { pass: Buffer.from(pass), isDetach: true };
        }
      }
      return { pass: Buffer.from(pass), isDetach: false };
    },
    release,
  };
}
