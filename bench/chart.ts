// The races as an SVG: one group of bars per workload, time on a logarithmic axis. Text only; knows no measurement.
import type { RaceResult } from "./race.ts";
import { timeText } from "./table.ts";

const width = 860;
const labels = 230;
const bar = 16;
const gap = 4;
const groupGap = 34;
const colours = new Map([
  ["nnc", "#0a7d55"],
  ["PyTorch", "#b4491f"],
  ["jax-js", "#3b6fb5"],
  ["TensorFlow.js", "#8a8f98"],
]);

export interface Machine {
  readonly cpu: string;
  readonly node: string;
}

export function chart(results: readonly RaceResult[], machine: Machine): string {
  const times = results.flatMap((r) => r.entries.flatMap((e) => (e.seconds === undefined ? [] : [e.seconds])));
  const low = Math.log10(Math.min(...times)) - 0.3;
  const high = Math.log10(Math.max(...times));
  const length = (seconds: number): number =>
    ((Math.log10(seconds) - low) / (high - low || 1)) * (width - labels - 110);
  const parts: string[] = [];
  let y = 52;
  for (const { workload, entries } of results) {
    parts.push(text(12, y, workload, 'font-weight="600"'));
    y += 10;
    for (const { title, seconds, failed } of entries) {
      const colour = [...colours].find(([prefix]) => title.startsWith(prefix))?.[1] ?? "#444";
      parts.push(text(labels - 8, y + bar - 4, title, 'text-anchor="end"'));
      if (seconds === undefined) {
        parts.push(text(labels, y + bar - 4, `fails: ${(failed ?? "").slice(0, 70)}`, 'fill="#8a8f98"'));
      } else {
        const w = length(seconds).toFixed(1);
        parts.push(`<rect x="${labels}" y="${y}" width="${w}" height="${bar}" rx="2" fill="${colour}"/>`);
        parts.push(text(labels + Number(w) + 6, y + bar - 4, timeText(seconds)));
      }
      y += bar + gap;
    }
    y += groupGap - gap;
  }
  const height = y;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">
<title>Time of one training step: nnc, PyTorch, jax-js, TensorFlow.js</title>
<rect width="${width}" height="${height}" fill="#fff"/>
${text(12, 22, `Time of one training step, one thread, logarithmic; ${machine.cpu}, Node ${machine.node}`, 'font-size="14"')}
${parts.join("\n")}
</svg>
`;
}

const escapes = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
]);

const text = (x: number, y: number, content: string, more = ""): string =>
  `<text x="${x}" y="${y}"${more === "" ? "" : ` ${more}`}>${content.replace(/[&<>]/g, (c) => escapes.get(c)!)}</text>`;
