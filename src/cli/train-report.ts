// `nnc train --report`: one HTML file without scripts: settings, curves, confusion, the surest mistakes, first weights.
import { bitmapUri, inkColor, signedColor } from "../inspect/bitmap.ts";
import { curvesText, smoothed } from "../inspect/curves.ts";
import { escapeXml } from "../inspect/svg.ts";
import { type HeldOut, imageColumn, lookAt } from "../runtime/held-out.ts";
import type { Manifest, Trainer } from "../runtime/library.ts";
import { sizesOf } from "../runtime/parameters.ts";
import type { Plan } from "../runtime/plan.ts";
import { resultsText } from "../runtime/report.ts";
import { grouped } from "../runtime/user-error.ts";

export interface Trained {
  readonly title: string;
  readonly command: string;
  readonly plan: Plan;
  readonly trainer: Trainer;
  readonly losses: readonly number[];
}

const style = `:root{color-scheme:light dark;--ink:#1b1d21;--paper:#fff;--faint:#626a75;--rule:#d9dce2;--accent:#0072b2;--other:#d55e00}
@media(prefers-color-scheme:dark){:root{--ink:#e6e7ea;--paper:#15171b;--faint:#9aa2ad;--rule:#33383f;--accent:#4aa8e0;--other:#f08b45}}
body{margin:32px auto;max-width:960px;padding:0 16px;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:22px}h2{font-size:15px;margin:28px 0 8px;border-bottom:1px solid var(--rule)}
code,td,th,figcaption{font:12px ui-monospace,Menlo,Consolas,monospace}th{color:var(--faint);font-weight:400;text-align:left}td,th{padding:2px 12px 2px 0}
svg{width:100%;height:auto}svg text{font:9px ui-monospace,monospace;fill:var(--faint)}svg .end{text-anchor:end}
.rule{stroke:var(--rule);fill:none}.curve{fill:none;stroke:var(--accent);stroke-width:1.5}.curve.raw{stroke:var(--faint);stroke-width:.4;opacity:.6}
.images{display:flex;flex-wrap:wrap;gap:10px}figure{margin:0;text-align:center}img{width:64px;height:64px;image-rendering:pixelated;border:1px solid var(--rule)}
.confusion td,.confusion th{text-align:right;padding:3px 8px}.right{color:var(--faint)}.missed{color:var(--other)}p{color:var(--faint)}`;

const section = (title: string, inside: string): string =>
  inside === "" ? "" : `<h2>${escapeXml(title)}</h2>\n${inside}\n`;
const table = (rows: readonly (readonly [string, string])[]): string =>
  `<table>${rows.map(([name, value]) => `<tr><th>${escapeXml(name)}</th><td>${escapeXml(value)}</td></tr>`).join("")}</table>`;

/** Mistakes that are shown. */
const shownMistakes = 24;
/** Units of the first layer that are shown. */
const shownUnits = 64;

export function trainReport({ title, command, plan, trainer, losses }: Trained): string {
  const { manifest, data } = plan;
  const { valid, test, train } = data.split;
  const [which, rows] = valid.count > 0 ? ["validation", valid] : test.count > 0 ? ["test", test] : ["training", train];
  const held = lookAt(trainer, manifest, data, rows as typeof train, { batch: plan.batch, worst: shownMistakes });
  const points = losses.map((y, k) => ({ x: k + 1, y }));
  const settings = table([
    ["command", command],
    ["data", `${data.title}; ${grouped(train.count)} training rows`],
    ["steps", `${grouped(losses.length)} of ${grouped(plan.steps)}, ${plan.batch} rows each, seed ${plan.seed}`],
    ...manifest.scalars.map(({ name }) => [name, String(trainer.scalars[trainer.index[name]!])] as const),
    [`${which}, ${grouped(held.rows)} rows`, resultsText(held.results)],
  ]);
  const curve =
    points.length === 0
      ? ""
      : curvesText(
          [
            { points, kind: "raw" },
            { points: smoothed(points, 50), kind: "mean" },
          ],
          { width: 640, height: 200 },
          { low: 0 },
        );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeXml(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeXml(title)}</h1>
${section("settings and results", settings)}${section("loss of each batch, and its mean over about 50", curve)}${section(`which class is taken for which (${which} rows)`, confusionText(held))}${section("the surest mistakes", mistakesText(held, imageColumn(manifest)?.side))}${section("first weights", weightsText(trainer, manifest))}</body>
</html>
`;
}

function confusionText({ confusion }: HeldOut): string {
  if (!confusion) return "";
  const head = `<tr><th>is \\ said</th>${confusion.map((_, k) => `<th>${k}</th>`).join("")}</tr>`;
  const rows = confusion.map((row, k) => {
    const cells = row.map(
      (count, other) => `<td class="${other === k ? "right" : "missed"}">${count === 0 ? "" : count}</td>`,
    );
    return `<tr><th>${k}</th>${cells.join("")}</tr>`;
  });
  return `<table class="confusion">${head}${rows.join("")}</table>`;
}

const figure = (uri: string, text: string): string =>
  `<figure><img src="${uri}" alt="${escapeXml(text)}"><figcaption>${escapeXml(text)}</figcaption></figure>`;

function mistakesText({ worst }: HeldOut, side: number | undefined): string {
  if (side === undefined || worst.length === 0) return "";
  const figures = worst.map(({ label, said, pixels }) =>
    figure(
      bitmapUri(side, side, (pixel) => inkColor(pixels[pixel]!)),
      `${label} read as ${said}`,
    ),
  );
  return `<div class="images">${figures.join("")}</div>`;
}

function weightsText(trainer: Trainer, manifest: Manifest): string {
  const image = imageColumn(manifest);
  const slot = manifest.slots.find(
    (each) => each.kind === "param" && image && each.shape.length === 2 && sizesOf(each).includes(image.side ** 2),
  );
  if (!image || !slot) return "";
  const { side } = image;
  const values = Float32Array.from(trainer.read(slot.name));
  const [rows, columns] = sizesOf(slot) as [number, number];
  const byColumn = rows === side * side;
  const most = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const units = Math.min(shownUnits, byColumn ? columns : rows);
  const figures = Array.from({ length: units }, (_, unit) =>
    figure(
      bitmapUri(side, side, (pixel) =>
        signedColor(values[byColumn ? pixel * columns + unit : unit * columns + pixel]!, most),
      ),
      String(unit),
    ),
  );
  return `<p>${escapeXml(slot.name)}: blue raises a unit, vermilion lowers it.</p><div class="images">${figures.join("")}</div>`;
}
