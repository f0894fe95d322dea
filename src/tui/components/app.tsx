import { Box } from "ink";
import { type ReactNode, useLayoutEffect, useSyncExternalStore } from "react";
import type { Screen } from "../screen.ts";
import { drawDetail } from "../screens/detail.ts";
import { drawHelp, drawOutput } from "../screens/page.ts";
import { drawPane } from "../screens/pane.ts";
import { footLine, headLine } from "../views/frame.ts";
import { Drawn } from "./drawn.tsx";

/** The whole screen: one line on top, panes or a page, one line at the bottom; the last row of the terminal stays free. */
export function App({ screen }: { readonly screen: Screen }): ReactNode {
  const shown = useSyncExternalStore(screen.listen, screen.shown);
  const { canvas } = screen;
  useLayoutEffect(() => screen.onDrawn());
  return (
    <Box flexDirection="column" width={shown.columns} height={Math.max(1, shown.rows - 1)}>
      <Drawn canvas={canvas} height={1} draw={({ width }) => [headLine(shown, width)]} />
      <Body screen={screen} />
      <Drawn canvas={canvas} height={1} draw={({ width }) => [footLine(shown, width)]} />
    </Box>
  );
}

function Body({ screen }: { readonly screen: Screen }): ReactNode {
  const shown = screen.shown();
  const { canvas, places } = screen;
  const { mode } = shown.ui;
  const page = { canvas, flexGrow: 1, flexShrink: 1 };
  if (mode.kind === "help")
    return <Drawn {...page} draw={(where) => drawHelp(shown, mode.top, places, where)} />;
  if (mode.kind === "output")
    return <Drawn {...page} draw={(where) => drawOutput(shown, mode, places, where)} />;
  if (mode.kind === "detail")
    return <Drawn {...page} draw={(where) => drawDetail(shown, mode, places, where)} />;
  return (
    <Box flexGrow={1} flexDirection="row">
      {shown.slots.map((slots, index) => (
        <Box
          key={slots[0]?.id}
          flexDirection="column"
          flexBasis={0}
          flexGrow={1}
          marginLeft={index === 0 ? 0 : 1}
        >
          {slots.map((slot) => (
            <Drawn
              key={slot.id}
              canvas={canvas}
              height={slot.height}
              draw={(where) => drawPane(shown, slot, places, where)}
            />
          ))}
        </Box>
      ))}
    </Box>
  );
}
