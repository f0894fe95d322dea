import { giveWay } from "../../std/give-way.ts";

/** Items of a list that are written at once: a millisecond or two. */
const ITEMS = 100;

/** The text of a JSON value, a line. Long lists in an object are written some items at a time. UTF-8. */
export async function writeJson(body: unknown): Promise<readonly Buffer[]> {
  const list = Object.entries(body ?? {}).find((entry): entry is [string, unknown[]] => {
    const [, value] = entry as [string, unknown];
    return Array.isArray(value) && value.length > ITEMS;
  });
  if (list === undefined || Array.isArray(body)) return [Buffer.from(`${JSON.stringify(body)}\n`)];
  const [name, items] = list;
  const others = JSON.stringify({ ...(body as object), [name]: undefined });
  const pieces = [
    Buffer.from(`${others.slice(0, -1)}${others === "{}" ? "" : ","}${JSON.stringify(name)}:[`),
  ];
  for (let from = 0; from < items.length; from += ITEMS) {
    const text = JSON.stringify(items.slice(from, from + ITEMS)).slice(1, -1);
    pieces.push(Buffer.from(`${from === 0 ? "" : ","}${text}`));
    await giveWay();
  }
  return [...pieces, Buffer.from("]}\n")];
}
