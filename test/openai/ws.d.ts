declare module "ws" {
  import { EventEmitter } from "node:events";

  /** What the tests use of it; the package brings no types along. */
  export class WebSocket extends EventEmitter {
    constructor(
      address: string,
      options?: { readonly headers?: Readonly<Record<string, string>>; readonly ca?: Buffer },
    );
    send(data: string): void;
    close(): void;
  }
}
