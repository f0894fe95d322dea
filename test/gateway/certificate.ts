import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { need } from "../kit/need.ts";

export const hasOpenssl = need("openssl", spawnSync("openssl", ["version"]).status === 0);

/** A certificate of one's own for 127.0.0.1. */
export function makeCertificate(dir: string): { cert: string; key: string } {
  const [cert, key] = [join(dir, "cert.pem"), join(dir, "key.pem")];
  const what = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
  ];
  const whom = ["-subj", "/CN=orch", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", [...what, ...whom, "-keyout", key, "-out", cert], { stdio: "ignore" });
  return { cert, key };
}
