/** What stands for all that came too late. */
export const OTHERS = "other";

/**
 * Keeps a label from growing without bound, whatever people call their runtimes: the first `most` values are themselves, all
 * further ones are one.
 */
export function boundedLabel(most: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= most) return OTHERS;
    known.add(value);
    return value;
  };
}
