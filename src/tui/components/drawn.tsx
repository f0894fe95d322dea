import { Box, type DOMElement } from "ink";
import { type ComponentProps, type ReactNode, useLayoutEffect, useRef } from "react";
import type { Canvas, Rectangle } from "../terminal/canvas.ts";

export interface DrawnProps extends Omit<ComponentProps<typeof Box>, "ref" | "children"> {
  readonly canvas: Canvas;
  /** Painted lines for the room that the layout gives. */
  readonly draw: (where: Rectangle) => readonly string[];
}

/** A box that Ink lays out and that draws itself onto the canvas, once the layout is known. */
export function Drawn({ canvas, draw, ...box }: DrawnProps): ReactNode {
  const ref = useRef<DOMElement>(null);
  useLayoutEffect(() => {
    const where = ref.current === null ? null : rectangleOf(ref.current);
    if (where !== null) canvas.draw(where, draw(where));
  });
  return <Box ref={ref} flexShrink={0} {...box} />;
}

/** Where the layout has put a box on the screen; null before it has. */
function rectangleOf(element: DOMElement): Rectangle | null {
  const own = element.yogaNode;
  if (own === undefined) return null;
  let x = 0;
  let y = 0;
  for (let node: DOMElement | undefined = element; node !== undefined; node = node.parentNode) {
    x += node.yogaNode?.getComputedLeft() ?? 0;
    y += node.yogaNode?.getComputedTop() ?? 0;
  }
  return { x, y, width: own.getComputedWidth(), height: own.getComputedHeight() };
}
