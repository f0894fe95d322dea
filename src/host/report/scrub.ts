import { createMask } from "../../log/mask.ts";
import { isSecretName } from "../../log/secret-names.ts";

const HIDDEN = "[hidden]";

/** NAME=value, "name": "value", name: value; the value in quotes or up to what ends a word. */
const ASSIGNED = /([A-Za-z_][\w.-]*)(\\?["']?\s*[:=]\s*)(\\?"[^"\n]*"|'[^'\n]*'|[^\s,;"'}\]]+)/g;
/** --name value, "--name", "value". */
const FLAG = /--([A-Za-z][\w-]*)(["']?[\s,=]+["']?)([^\s"',\]]+)/g;
/** What follows "?" in a URL, or in the name of a lane, which holds the params that are given at load. */
const QUERY = /([\w/-])\?[\w.-]+=[^\s"']*/g;
/** Forms that secrets of services are known by, wherever they stand. */
const KNOWN_FORMS: readonly (readonly [RegExp, string])[] = [
  [/(\b[a-z][\w+.-]*:\/\/)[^\s/@"']+@/gi, `$1${HIDDEN}@`],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${HIDDEN}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, HIDDEN],
  [/\b(hf_|sk-|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|npm_|AKIA|ASIA)[\w-]{10,}/g, HIDDEN],
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, HIDDEN],
];

export interface ScrubOptions {
  /** Values known to be secret, hidden in every spelling. */
  readonly values: readonly string[];
  /** Words that say whose machine it is, and what stands in their place. */
  readonly names: readonly (readonly [string, string])[];
}

/**
 * Makes text fit to be shown to strangers: known values are overwritten, then what names and forms give away is. Rather too much
 * than too little.
 */
export function createScrubber({ values, names }: ScrubOptions): (text: string) => string {
  const mask = createMask(values);
  return (text) => {
    let clean = mask.hideText(text);
    for (const [form, instead] of KNOWN_FORMS) clean = clean.replace(form, instead);
    clean = clean.replace(QUERY, `$1?${HIDDEN}`);
    clean = clean.replace(FLAG, (all, name: string, between: string) =>
      isSecretName(name) ? `--${name}${between}${HIDDEN}` : all,
    );
    clean = hideAssigned(clean);
    for (const [name, instead] of names) clean = clean.replaceAll(name, instead);
    return clean;
  };
}

/** A value that is none may hold others: Environment="API_KEY=…". */
function hideAssigned(text: string): string {
  return text.replace(ASSIGNED, (_, name: string, between: string, value: string) => {
    const quote = /^\\?["']/.exec(value)?.[0] ?? "";
    const inner = isSecretName(name) ? HIDDEN : hideAssigned(value.slice(quote.length));
    const end = isSecretName(name) ? quote : "";
    return `${name}${between}${quote}${inner}${end}`;
  });
}
