// The memory view: the arena as bars over time (x: kernels of the step, y: bytes), what stays below, and the same as a list.
import { programOf } from "../inspect/costs.ts";
import { type MemoryBar, type MemoryView, memoryView } from "../inspect/memory-view.ts";
import { sideOfAll } from "../inspect/side.ts";
import { escapeXml } from "../inspect/svg.ts";
import { bytesText, grouped } from "../runtime/user-error.ts";
import { byId, drawnWhenShown, el, inParts } from "./dom.ts";
import { keysOf, sharesKey } from "./keys.ts";
import type { Store } from "./store.ts";

const size = { height: 240, left: 8, below: 18 };

export function mountMemory(store: Store): void {
  const pane = byId("memory");
  let bars: readonly MemoryBar[] = [];
  const mark = (): void => {
    for (const item of pane.querySelectorAll<HTMLElement | SVGElement>("[data-bar]")) {
      const bar = bars[Number(item.dataset["bar"])]!;
      item.classList.toggle("selected", sharesKey(keysOf(bar.origins, store.model.path), store.selection));
    }
  };
  const draw = (): void => {
    const { compiled } = store;
    if (!compiled) return;
    const program = programOf(compiled.unit, "step") ?? programOf(compiled.unit, "predict")!;
    const view = memoryView(compiled.unit, program);
    bars = view.bars;
    const shared = view.bytes - view.persistentBytes;
    const sum = view.bars.filter(({ kind }) => kind === "temporary").reduce((n, { bytes }) => n + bytes, 0);
    const chart = el("div", { class: "chart" });
    chart.innerHTML = chartText(view, Math.max(320, Math.min(1000, pane.clientWidth - 32)));
    pane.replaceChildren(
      el(
        "p",
        {},
        el("b", {}, `One arena of ${bytesText(view.bytes)}.`),
        ` ${bytesText(view.persistentBytes)} stay from step to step; temporaries of ${bytesText(sum)} share ${bytesText(shared)}: two that are never needed at the same time may have the same bytes.`,
      ),
      chart,
      listOf(view),
    );
    mark();
  };
  pane.addEventListener("click", ({ target }) => {
    const item = target instanceof Element ? target.closest<HTMLElement | SVGElement>("[data-bar]") : null;
    const bar = bars[Number(item?.dataset["bar"])];
    if (bar) store.select({ label: bar.name, keys: new Set(keysOf(bar.origins, store.model.path)) });
  });
  store.on("compiled", drawnWhenShown(pane, draw));
  store.on("selection", mark);
}

/** Temporaries over kernels; the lowest address is at the bottom. */
function chartText(view: MemoryView, whole: number): string {
  const columns = Math.max(1, view.kernels.length);
  const shared = Math.max(1, view.bytes - view.persistentBytes);
  const step = (whole - 2 * size.left) / columns;
  const scale = (size.height - size.below - 4) / shared;
  const rects = view.bars.map((bar, k) => {
    if (bar.kind !== "temporary") return "";
    const height = Math.max(3, bar.bytes * scale);
    const x = size.left + bar.first * step + 1;
    const width = Math.max(0.5, (bar.last - bar.first + 1) * step - 2);
    const y = size.height - size.below - (bar.offset - view.persistentBytes) * scale - height;
    const label =
      height > 13 && width > 7 * bar.name.length
        ? `<text x="${x + 5}" y="${y + Math.min(height / 2 + 4, 16)}">${escapeXml(bar.name)}</text>`
        : "";
    const title = `${bar.name} ${bar.type}, ${grouped(bar.bytes)} bytes, kernels ${bar.first + 1} to ${bar.last + 1}`;
    return `<g class="bar ${sideOfAll(bar.origins)}" data-bar="${k}"><title>${escapeXml(title)}</title><rect x="${x}" y="${y}" width="${width}" height="${height}" rx="2"/>${label}</g>`;
  });
  const ticks = view.kernels.map(
    (name, k) =>
      `<text class="tick" x="${size.left + (k + 0.5) * step}" y="${size.height - 4}">${k + 1}<title>${escapeXml(name)}</title></text>`,
  );
  return `<svg viewBox="0 0 ${whole} ${size.height}" role="img" aria-label="temporaries over the kernels of a step">${rects.join("")}${columns <= 60 ? ticks.join("") : ""}</svg>`;
}

function listOf(view: MemoryView): HTMLElement {
  const order = view.bars
    .map((bar, k) => ({ bar, k }))
    .sort((a, b) => a.bar.offset - b.bar.offset || a.bar.first - b.bar.first);
  const life = ({ kind, first, last }: MemoryBar): string =>
    kind === "temporary"
      ? `kernel ${first === last ? first + 1 : `${first + 1} to ${last + 1}`}`
      : kind === "slot"
        ? "stays"
        : kind;
  return el(
    "table",
    {},
    el(
      "thead",
      {},
      el("tr", {}, ...["address", "bytes", "name", "type", "needed by"].map((head) => el("th", {}, head))),
    ),
    el(
      "tbody",
      {},
      ...inParts(order, ({ bar, k }) =>
        el(
          "tr",
          { "data-bar": k, class: bar.kind === "temporary" ? sideOfAll(bar.origins) : "lasting" },
          el("td", {}, grouped(bar.offset)),
          el("td", {}, grouped(bar.bytes)),
          el("td", {}, bar.name),
          el("td", {}, bar.type),
          el("td", {}, life(bar)),
        ),
      ),
    ),
  );
}
