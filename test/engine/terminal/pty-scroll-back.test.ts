import { describe, expect, it } from "vitest";
import { createScrollBack } from "../../../src/engine/terminal/pty-scroll-back.ts";

const MAX_BYTES = 20_000;

function scrollBackOf(...chunks: string[]) {
  const scrollBack = createScrollBack(MAX_BYTES);
  for (const chunk of chunks) scrollBack.push(Buffer.from(chunk));
  return scrollBack;
}

describe("the scroll-back", () => {
  it("gives back all of a short output as it was", () => {
    expect(scrollBackOf("häl", "lo\r\n", "\u001b[31m").replay().toString()).toBe("hällo\r\n\u001b[31m");
  });

  it("keeps a bounded end of a long one, beginning with a whole line", () => {
    const lines = Array.from({ length: 10_000 }, (_, index) => `line ${index} ${"é".repeat(index % 7)}\r\n`);
    const replay = scrollBackOf(...lines)
      .replay()
      .toString();
    expect(replay.length).toBeLessThanOrEqual(MAX_BYTES + 4_096);
    expect(lines.join("").endsWith(replay)).toBe(true);
    expect(replay).toMatch(/^line \d+ /);
  });

  it("tears no character where there are no lines", () => {
    const replay = scrollBackOf(...Array.from({ length: 30_000 }, () => "€"))
      .replay()
      .toString();
    expect(replay).toMatch(/^€+$/);
  });

  it("sets the modes that were set before what is kept", () => {
    const scrollBack = scrollBackOf("\u001b[?1049h\u001b[?25l", "x\n".repeat(30_000));
    expect(scrollBack.replay().toString().startsWith("\u001b[?1049h\u001b[?25lx")).toBe(true);
    expect(scrollBack.isAlternate()).toBe(true);
    scrollBack.push(Buffer.from("\u001b[?1049l"));
    expect(scrollBack.isAlternate()).toBe(false);
    scrollBack.push(Buffer.from("y\n".repeat(30_000)));
    expect(scrollBack.replay().toString().startsWith("\u001b[?25ly")).toBe(true);
  });

  it("costs no more for output that comes byte by byte", () => {
    const scrollBack = createScrollBack(MAX_BYTES);
    for (let index = 0; index < 100_000; index++) scrollBack.push(Buffer.from("a"));
    expect(scrollBack.replay().length).toBeLessThanOrEqual(MAX_BYTES + 4_096);
  });
});
