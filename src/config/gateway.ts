import { isAbsolute } from "node:path";
import { z } from "zod";
import { type ListenAddress, parseListenAddress } from "../std/listen-address.ts";

const File = z.string().refine(isAbsolute, "tls: expected absolute paths of cert and key");

/** The gateway's part of config.yaml. Null = it does not listen. */
export const GatewaySchema = z
  .strictObject({
    listen: z
      .string()
      .refine(
        (text) => addressOf(text) !== null,
        "listen: expected an address and a port, like 127.0.0.1:7707",
      ),
    tls: z.strictObject({ cert: File, key: File }).nullable().default(null),
    insecureLoopback: z.boolean().default(false),
    hosts: z
      .array(
        z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, "hosts: expected names in small letters"),
      )
      .max(100)
      .default([]),
  })
  .superRefine(({ listen, tls, insecureLoopback }, context) => {
    if (addressOf(listen)?.isLoopback === true) return;
    if (insecureLoopback)
      context.addIssue({ code: "custom", message: "insecureLoopback is for 127.0.0.1 and ::1 alone" });
    if (tls === null)
      context.addIssue({
        code: "custom",
        message:
          "beyond 127.0.0.1 and ::1 it needs tls: { cert: FILE, key: FILE }: keys could be read on their way",
      });
  })
  .nullable()
  .default(null)
  .describe(
    "TCP listener: listen (e.g. 127.0.0.1:7707), tls (cert and key: files), hosts (names it is called by), insecureLoopback (no keys)",
  );

function addressOf(text: string): ListenAddress | null {
  try {
    return parseListenAddress(text);
  } catch {
    return null;
  }
}
