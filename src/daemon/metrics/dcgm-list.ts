import type { MetricSpec } from "../../std/metric-families.ts";

const labels = ["gpu", "UUID", "hostname"] as const;

function spec<T extends "counter" | "gauge">(
  name: string,
  type: T,
  help: string,
): MetricSpec & { readonly type: T } {
  return { name: `DCGM_FI_DEV_${name}`, type, labels, help };
}

/** Names and units of NVIDIA's dcgm-exporter (default-counters.csv), as far as orch knows the values: for its dashboards. */
export const dcgmList = {
  utilization: spec("GPU_UTIL", "gauge", "GPU utilization (in %)."),
  used: spec("FB_USED", "gauge", "Framebuffer memory used (in MiB)."),
  free: spec("FB_FREE", "gauge", "Framebuffer memory free (in MiB)."),
  reserved: spec("FB_RESERVED", "gauge", "Framebuffer memory that the driver keeps (in MiB)."),
  temperature: spec("GPU_TEMP", "gauge", "GPU temperature (in C)."),
  power: spec("POWER_USAGE", "gauge", "Power draw (in W)."),
  energy: spec(
    "TOTAL_ENERGY_CONSUMPTION",
    "counter",
    "Total energy consumption since the daemon began (in mJ).",
  ),
} as const;
