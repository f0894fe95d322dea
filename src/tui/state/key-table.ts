/** A row of the help, and all that it is: what a key does is in press.ts and pane-keys.ts. */
export interface KeyHelp {
  readonly keys: string;
  readonly what: string;
  /** It changes something: a read-only screen does not have it. */
  readonly isChange?: true;
}

/** All keys, by what they are for. */
export const keyTable: Readonly<Record<string, readonly KeyHelp[]>> = {
  Move: [
    { keys: "j k ↓ ↑", what: "down, up" },
    { keys: "PgDn PgUp ^D ^U", what: "a page down, up" },
    { keys: "g G Home End", what: "first, last" },
    { keys: "Tab Shift-Tab 1-5", what: "next, previous pane; a pane by its number" },
    { keys: "z", what: "the pane alone on the screen, and back" },
    { keys: "Enter", what: "details: timeline, params, the log as it grows" },
    { keys: "l", what: "the log of a job or worker" },
    { keys: "Esc", what: "back; drops marks and filter" },
  ],
  Look: [
    { keys: "/", what: "filter: words, !word, runtime:NAME" },
    { keys: "o O", what: "sort by the next column; the other way round" },
    { keys: "u H", what: "users; history of finished jobs" },
    { keys: "T", what: "theme: dark, light, mono" },
    { keys: "m", what: "mouse on or off (off: the terminal selects text)" },
    { keys: "^L", what: "draw anew" },
  ],
  Jobs: [
    { keys: "Space", what: "mark; what follows is done to all marked", isChange: true },
    { keys: "c", what: "cancel (asks first); a worker: stop it", isChange: true },
    { keys: "r", what: "retry a finished job", isChange: true },
    { keys: "h", what: "hold, or release what is held", isChange: true },
    { keys: "+ -", what: "priority up, down", isChange: true },
    { keys: "a", what: "attach to the terminal of a job; its detach keys come back here", isChange: true },
  ],
  "Workers and GPUs": [
    { keys: "p", what: "pin a worker, or let it go", isChange: true },
    { keys: "s", what: "switch the GPU to another runtime", isChange: true },
  ],
  Rest: [
    { keys: ":", what: "a command line: :cancel 42, :switch sdxl, :why 42, :q" },
    { keys: "? q ^C ^Z", what: "help; quit; suspend" },
  ],
};
