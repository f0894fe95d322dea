// A terminal's screen as a picture: what `tmux capture-pane -e -p` prints, as SVG.

const CELL = { width: 8.4, height: 18, size: 14, pad: 14 };
const GROUND = "#14161b";
const TEXT = "#d4d7dd";
/** xterm's first sixteen, in the softer shades that most terminals show today. */
const BASE = [
  "#1d1f26",
  "#e06c75",
  "#98c379",
  "#e5c07b",
  "#61afef",
  "#c678dd",
  "#56b6c2",
  "#abb2bf",
  "#5c6370",
  "#e06c75",
  "#98c379",
  "#e5c07b",
  "#61afef",
  "#c678dd",
  "#56b6c2",
  "#ffffff",
];

/**
 * @param screen lines with SGR sequences (ECMA-48), as many as the screen has rows
 * @param about {columns, title}
 * @returns the text of an SVG file
 */
export function toSvg(screen, { columns, title }) {
  // tmux tells of a style when it changes, also where that was on an earlier line.
  const style = { now: {} };
  const rows = screen
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => cellsOf(line, style));
  const width = Math.round(columns * CELL.width + 2 * CELL.pad);
  const height = rows.length * CELL.height + 2 * CELL.pad;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${GROUND}"/>`,
    `<g font-family="ui-monospace, 'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace" font-size="${CELL.size}" fill="${TEXT}">`,
    ...rows.flatMap((cells, y) => runsOf(cells).flatMap((run) => drawRun(run, y))),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

/** Characters of a line with their style and column; a wide one takes two. */
function cellsOf(line, style) {
  let column = 0;
  const cells = [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a screen is made of them
  for (const [, sgr, character] of line.matchAll(/\x1b\[([\d;:]*)m|\x1b[^m]*m|([^\x1b])/gu)) {
    if (sgr !== undefined) style.now = applySgr(style.now, sgr.split(/[;:]/).map(Number));
    if (character === undefined) continue;
    const columns =
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]|\p{Extended_Pictographic}/u.test(
        character,
      ) && character > "\u2e7f"
        ? 2
        : 1;
    cells.push({ character, style: style.now, column, columns });
    column += columns;
  }
  return cells;
}

function applySgr(before, codes) {
  let style = { ...before };
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at];
    if (code === 0) style = {};
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 7) style.inverse = true;
    else if (code === 22) style.bold = style.dim = undefined;
    else if (code === 27) style.inverse = undefined;
    else if (code === 39) style.ink = undefined;
    else if (code === 49) style.ground = undefined;
    else if (code >= 30 && code <= 37) style.ink = BASE[code - 30];
    else if (code >= 40 && code <= 47) style.ground = BASE[code - 40];
    else if (code >= 90 && code <= 97) style.ink = BASE[code - 82];
    else if ((code === 38 || code === 48) && codes[at + 1] === 5) {
      style[code === 38 ? "ink" : "ground"] = indexed(codes[at + 2]);
      at += 2;
    }
  }
  return style;
}

/** xterm's 256 colours: sixteen of their own, a cube of six levels, and greys. */
function indexed(number) {
  if (number < 16) return BASE[number];
  if (number >= 232) return rgb(Array(3).fill(8 + (number - 232) * 10));
  const level = (value) => (value === 0 ? 0 : 55 + value * 40);
  const cube = number - 16;
  return rgb([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map(level));
}

function rgb(parts) {
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

/** Neighbours of one style, as one piece of text; bars and wide characters stand alone, where fonts differ in width. */
function runsOf(cells) {
  const runs = [];
  for (const cell of cells) {
    const last = runs.at(-1);
    const isBlock = isBlockElement(cell.character);
    const isSame =
      last !== undefined &&
      last.key === JSON.stringify(cell.style) &&
      last.isBlock === isBlock &&
      last.isPlain &&
      cell.columns === 1;
    if (isSame && (!isBlock || last.text.startsWith(cell.character))) {
      last.text += cell.character;
      last.columns += 1;
    } else
      runs.push({
        text: cell.character,
        column: cell.column,
        columns: cell.columns,
        style: cell.style,
        key: JSON.stringify(cell.style),
        isBlock,
        isPlain: cell.columns === 1,
      });
  }
  return runs;
}

function isBlockElement(character) {
  return character >= "\u2581" && character <= "\u2593";
}

function drawRun({ text, column, columns, style, isBlock, isPlain }, row) {
  const x = (CELL.pad + column * CELL.width).toFixed(1);
  const y = CELL.pad + row * CELL.height;
  const width = (columns * CELL.width).toFixed(1);
  const [ink, ground] = style.inverse
    ? [style.ground ?? GROUND, style.ink ?? TEXT]
    : [style.ink, style.ground];
  const parts = [];
  if (ground !== undefined)
    parts.push(
      `<rect x="${x}" y="${y}" width="${width}" height="${CELL.height}" fill="${ground}" shape-rendering="crispEdges"/>`,
    );
  if (text.trim() === "") return parts;
  if (isBlock) return [...parts, drawBlock(text[0], { x, y, width, ink: ink ?? TEXT })];
  const looks = `${ink === undefined ? "" : ` fill="${ink}"`}${style.bold ? ' font-weight="bold"' : ""}${style.dim ? ' opacity="0.6"' : ""}`;
  const isWide = !isPlain;
  // Each word at its own place: spaces are nothing to rely on, and fonts differ in width.
  for (const word of text.matchAll(/\S+/g)) {
    const columnsBefore = [...text.slice(0, word.index)].length;
    const left = (CELL.pad + (column + columnsBefore) * CELL.width).toFixed(1);
    const length = ((isWide ? 2 : [...word[0]].length) * CELL.width).toFixed(1);
    parts.push(
      `<text x="${left}" y="${(y + CELL.height * 0.74).toFixed(1)}" textLength="${length}" lengthAdjust="spacingAndGlyphs"${looks}>${escapeXml(word[0])}</text>`,
    );
  }
  return parts;
}

/** Blocks (U+2581 to U+2593) as rectangles: no font has them without gaps. */
function drawBlock(character, { x, y, width, ink }) {
  const code = character.codePointAt(0);
  const shades = { 9617: 0.18, 9618: 0.45, 9619: 0.75 };
  const shade = shades[code];
  const share = shade === undefined && code <= 0x2588 ? (code - 0x2580) / 8 : 1;
  const full = CELL.height - 3;
  const height = (full * share).toFixed(1);
  const top = (y + 1.5 + full * (1 - share)).toFixed(1);
  return `<rect x="${x}" y="${top}" width="${width}" height="${height}" fill="${ink}"${shade === undefined ? "" : ` opacity="${shade}"`}/>`;
}

function escapeXml(text) {
  return text.replace(/[&<>"]/g, (each) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[each]);
}
