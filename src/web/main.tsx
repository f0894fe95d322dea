import "./style/base.css";
import "./style/shell.css";
import "./style/parts.css";
import "./style/views.css";
import "./style/timetable.css";
import { render } from "preact";
import { must } from "../std/assert.ts";
import { App } from "./app.tsx";
import { createLiveFeed } from "./live/live.ts";
import { LiveContext } from "./live/use-live.ts";

render(
  <LiveContext.Provider value={createLiveFeed()}>
    <App />
  </LiveContext.Provider>,
  must(document.getElementById("page"), "the page has a place for it"),
);
