/** No more parts of a value are looked at than this. */
const MOST_PARTS = 200;

/** About how many characters the text in a JSON value has. What is the same in many values is counted with each. */
export function roughSize(value: unknown): number {
  let characters = 0;
  const left: unknown[] = [value];
  for (let parts = 0; left.length > 0 && parts < MOST_PARTS; parts += 1) {
    const part = left.pop();
    if (typeof part === "string") characters += part.length;
    else if (typeof part === "object" && part !== null)
      for (const each of Object.values(part))
        if (typeof each === "string" || typeof each === "object") left.push(each);
  }
  return characters;
}
