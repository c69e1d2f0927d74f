// A laid-out graph as SVG: a file of its own, or the part of a page that has the style.
import type { Layout, PlacedBox, PlacedEdge } from "./layout.ts";
import { lineHeight } from "./layout.ts";
import { sideColors } from "./side.ts";

/** Control characters are not allowed in XML, however they are written. */
export const escapeXml = (text: string): string =>
  text.replace(/[^\P{Cc}\t\n\r]|[\ufffe\uffff]/gu, "?").replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** Of boxes and edges, in a file and on the page. */
export const graphStyle = `
.nnc-graph text { font: 12px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; text-anchor: middle; fill: var(--ink, #1a1a1a); }
.nnc-graph .node rect { fill: var(--paper, #fff); stroke-width: 1.25; }
.nnc-graph .node .type { fill: var(--faint, #667); font-size: 11px; }
.nnc-graph .node .name { font-weight: 600; }
.nnc-graph .edge { fill: none; stroke: var(--edge, #99a); stroke-width: 1; }
.nnc-graph .arrow { fill: var(--edge, #99a); }
.nnc-graph .forward rect { stroke: ${sideColors.forward}; }
.nnc-graph .backward rect { stroke: ${sideColors.backward}; }
.nnc-graph .update rect { stroke: ${sideColors.update}; }
.nnc-graph .input rect, .nnc-graph .param rect, .nnc-graph .state rect, .nnc-graph .scalar rect { stroke: var(--neutral, #889); fill: var(--quiet, #f4f4f6); }
.nnc-graph .group rect { stroke-dasharray: 4 3; }
`;

const inFile = `${graphStyle}@media (prefers-color-scheme: dark) {
svg { background: #16181c; --ink: #e8e8ea; --paper: #1d2025; --faint: #9aa0aa; --edge: #666e7a; --neutral: #7d8590; --quiet: #24282e; }
}
`;

const round = (value: number): string => String(Math.round(value * 10) / 10);

/** `style: true`: with colours of its own. */
export function svgText(layout: Layout, options: { readonly style: boolean }): string {
  const { width, height, boxes, edges } = layout;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="nnc-graph" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    ...(options.style ? [`<style>${inFile}</style>`] : []),
    `<defs><marker id="nnc-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="arrow" d="M0 0 8 4 0 8z"/></marker></defs>`,
    ...edges.map(edgeText),
    ...boxes.map(boxText),
    "</svg>\n",
  ].join("\n");
}

function edgeText({ points, from, to, type }: PlacedEdge): string {
  const [first, ...rest] = points;
  let path = `M${round(first!.x)} ${round(first!.y)}`;
  // Through the middle points as corners of a smooth curve.
  for (let k = 0; k < rest.length; k++) {
    const at = rest[k]!;
    const next = rest[k + 1];
    if (!next) path += `L${round(at.x)} ${round(at.y)}`;
    else path += `Q${round(at.x)} ${round(at.y)} ${round((at.x + next.x) / 2)} ${round((at.y + next.y) / 2)}`;
  }
  const ends = `data-from="${escapeXml(from)}" data-to="${escapeXml(to)}"`;
  return `<path class="edge" ${ends} d="${path}" marker-end="url(#nnc-arrow)"><title>${escapeXml(type)}</title></path>`;
}

function boxText({ node, x, y, width, height, lines }: PlacedBox): string {
  const rounding = node.kind === "value" || node.kind === "group" ? 3 : 10;
  const top = y - (lines.length * lineHeight) / 2;
  const said = lines.map((line, k) => {
    const part = k === lines.length - 1 ? "type" : k === 0 && node.name !== "" ? "name" : "text";
    return `<text class="${part}" x="${round(x)}" y="${round(top + (k + 0.75) * lineHeight)}">${escapeXml(line)}</text>`;
  });
  const title = [node.name, node.text, node.type, node.place].filter((part) => part !== "").join("  ");
  return [
    `<g class="node ${node.side} ${node.kind}" data-id="${escapeXml(node.id)}"><title>${escapeXml(title)}</title>`,
    `<rect x="${round(x - width / 2)}" y="${round(y - height / 2)}" width="${round(width)}" height="${round(height)}" rx="${rounding}"/>`,
    ...said,
    "</g>",
  ].join("");
}
