/**
 * States something that only a bug of ours can make false. Kept on in production: a daemon that knows it is
 * wrong must stop before it commits.
 * @throws AssertionFailed with `message`.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailed(message);
}

/** Ends a `switch` over a union: the compiler proves that it cannot be reached. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unreachable: ${JSON.stringify(value)}`);
}

/** Returns `value`, which a bug of ours alone could have left undefined. */
export function must<T>(value: T | undefined | null, message: string): T {
  assert(value !== undefined && value !== null, message);
  return value;
}

/** Our own bug, as opposed to a `Failure` of the world or of the user. */
export class AssertionFailed extends Error {
  override readonly name = "AssertionFailed";
}
