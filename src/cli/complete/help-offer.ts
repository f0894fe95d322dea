import { commands } from "../commands.ts";
import { failureTexts } from "../help/failure-texts.ts";
import { topics } from "../help/topics.ts";
import { type Offer, offerOf } from "./candidate.ts";

/** What may stand behind `orch help` and these words. */
export async function helpOffer(before: readonly string[]): Promise<Offer> {
  const [name, ...rest] = before;
  if (name === undefined) {
    const all = [...Object.entries(commands), ...Object.entries(topics)];
    return offerOf(all.map(([value, { summary }]) => ({ value, about: summary })));
  }
  if (rest.length > 0) return offerOf();
  if (name === "errors")
    return offerOf(Object.entries(failureTexts).map(([value, { cause }]) => ({ value, about: cause })));
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  const members = (await entry?.load())?.members ?? [];
  return offerOf(
    members.map(({ name: whole, summary }) => ({ value: whole.slice(name.length + 1), about: summary })),
  );
}
