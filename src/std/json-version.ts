/**
 * The version of what --json prints, which docs/json describes. It grows when something that is there is taken away,
 * renamed or means something else; not when something is added.
 */
export const JSON_VERSION = 1;
