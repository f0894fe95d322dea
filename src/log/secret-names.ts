import { SHORTEST_HIDDEN } from "./mask.ts";

const SECRET_NAME =
  /TOKEN|SECRET|PASSW(OR)?D|PASSPHRASE|CREDENTIAL|PRIVATE|(^|[_-])(API|ACCESS)?_?KEYS?($|[_-])|APIKEY|(^|[_-])(PASS|AUTH|PW|PWD)$/i;
/** Says where a secret is, or which one, but not what it is. */
const NAMES_A_PLACE = /(FILE|PATH|DIR|SOCK|NAME)$/i;
/** Of variables that only look like secrets by name: "true" and "5432" are none. */
const PLAIN_VALUE = /^(true|false|none|null|yes|no|on|off|default|auto|\d{1,5}|\/.*)$/i;

/** Whether a variable or field of this name holds a secret, as far as names tell. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !NAMES_A_PLACE.test(name) && name !== "PWD" && name !== "OLDPWD";
}

/** What names were found to be: each line of the daemon's log is asked about by the same few. */
const judged = new Map<string, boolean>();
const MOST_JUDGED = 1_000;

function isSecretField(name: string): boolean {
  const known = judged.get(name);
  if (known !== undefined) return known;
  if (judged.size >= MOST_JUDGED) judged.clear();
  const isSecret = isSecretName(name);
  judged.set(name, isSecret);
  return isSecret;
}

/** The values of an environment that look like secrets by their names. */
export function secretValues(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env)
    .filter(
      ([name, value]) => isSecretName(name) && value.length > SHORTEST_HIDDEN && !PLAIN_VALUE.test(value),
    )
    .map(([, value]) => value);
}

const MAX_DEPTH = 6;

/** The same value with what its fields call secret left out. Errors and other objects with a class stay as they are. */
export function withoutSecrets(value: unknown, depth = 0): unknown {
  if (Array.isArray(value))
    return depth > MAX_DEPTH ? [] : value.map((item) => withoutSecrets(item, depth + 1));
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  if (depth > MAX_DEPTH) return {};
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      isSecretField(name) ? "[hidden]" : withoutSecrets(item, depth + 1),
    ]),
  );
}
