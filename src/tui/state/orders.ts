/** What a key or a command line asks for beyond the screen. */
export type Order =
  | { readonly type: "quit" }
  | {
      readonly type: "jobs";
      readonly what: "cancel" | "retry" | "hold" | "release";
      readonly jobs: readonly number[];
    }
  | {
      readonly type: "priority";
      readonly jobs: readonly { readonly id: number; readonly priority: number }[];
    }
  | { readonly type: "pin"; readonly worker: string; readonly pinned: boolean }
  | { readonly type: "stop-worker"; readonly worker: string }
  | { readonly type: "switch"; readonly runtime: string; readonly gpu: string | null }
  | { readonly type: "attach"; readonly job: number }
  | { readonly type: "verb"; readonly words: readonly string[] }
  | { readonly type: "suspend" }
  | { readonly type: "redraw" }
  | { readonly type: "mouse"; readonly isOn: boolean };

/** Orders that change something: a read-only screen refuses them. */
export function isChange(order: Order): boolean {
  return ["jobs", "priority", "pin", "stop-worker", "switch", "attach"].includes(order.type);
}
