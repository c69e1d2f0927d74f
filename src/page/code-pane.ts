// The code view: the emitted TypeScript, kernel by kernel in the order they run, with what each costs; and the whole file.
import type { Schedule } from "../codegen/schedule.ts";
import { stageText } from "../codegen/stage-text.ts";
import { leastTime } from "../inspect/ceiling.ts";
import { type KernelCost, kernelCosts, programOf } from "../inspect/costs.ts";
import { sideOf } from "../inspect/side.ts";
import { bytesText, count, grouped } from "../runtime/user-error.ts";
import { byId, download, drawnWhenShown, el, inParts } from "./dom.ts";
import { type Key, keysOf, sharesKey } from "./keys.ts";
import type { Measured } from "./messages.ts";
import type { Store } from "./store.ts";
import type { Training } from "./training.ts";

interface Block {
  readonly item: HTMLElement;
  readonly keys: readonly Key[];
}

export function mountCode(store: Store, training: Training): void {
  const pane = byId("code");
  let blocks: Block[] = [];
  const mark = (scroll: boolean): void => {
    let first: HTMLElement | undefined;
    for (const { item, keys } of blocks) {
      const isSelected = sharesKey(keys, store.selection);
      item.classList.toggle("selected", isSelected);
      if (isSelected) first ??= item;
    }
    if (scroll && first && !pane.hidden) pane.scrollTo({ top: first.offsetTop - 8 });
  };
  const draw = (): void => {
    const { compiled } = store;
    if (!compiled) return;
    const save = el("button", { type: "button" }, "download the file");
    save.addEventListener("click", () => download(`${store.model.name}.ts`, compiled.typescript));
    const { measured } = training;
    const isPending = measured === "pending";
    const measure = el(
      "button",
      { type: "button", id: "measure", disabled: isPending || training.ready === undefined },
      isPending ? "measuring …" : "measure the kernels",
    );
    measure.addEventListener("click", () => training.measure());
    const times = measured === "pending" ? undefined : measured;
    const program = programOf(compiled.unit, "step") ?? programOf(compiled.unit, "predict")!;
    const costs = kernelCosts(compiled.unit, program);
    const lines = compiled.typescript.split("\n");
    const drawn: Block[] = [];
    const kernels = inParts(costs, (cost, k) => {
      const item = kernelItem(store, program.schedule, lines, cost, k, times);
      drawn.push({ item, keys: keysOf(cost.origins, store.model.path) });
      return item;
    });
    blocks = drawn;
    const rest = el(
      "details",
      {},
      el("summary", {}, `all of ${store.model.name}.ts, ${bytesText(compiled.typescript.length)}`),
    );
    // Only made when asked for: it is long.
    rest.addEventListener("toggle", () => {
      if (rest.open && rest.childElementCount === 1) rest.append(el("pre", {}, compiled.typescript));
    });
    pane.replaceChildren(
      el(
        "p",
        {},
        `The training step is ${count(costs.length, "kernel")} over one ArrayBuffer; it imports and allocates nothing.`,
      ),
      el("p", {}, measure, " ", save),
      ...(times ? [el("p", { id: "measured", class: "caption" }, measuredText(times))] : []),
      ...kernels,
      rest,
    );
    mark(false);
  };
  const redraw = drawnWhenShown(pane, draw);
  store.on("compiled", redraw);
  training.on((kind) => {
    if (kind === "measured" || kind === "ready") redraw();
  });
  store.on("selection", () => mark(true));
}

const micros = (milliseconds: number): string => `${(1000 * milliseconds).toFixed(milliseconds < 0.1 ? 1 : 0)} µs`;
const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
const total = ({ milliseconds }: Measured): number => milliseconds.reduce((sum, each) => sum + each, 0);

const measuredText = (measured: Measured): string =>
  `${micros(total(measured))} per step in kernels: the mean of ${grouped(measured.steps)} steps of ${measured.data}, in this page on this machine. ` +
  `At best, one thread here does ${(measured.ceiling.flopsPerSecond / 1e9).toFixed(2)} Gflop/s from registers and ${(measured.ceiling.bytesPerSecond / 1e9).toFixed(1)} GB/s from memory: that is the ceiling. ` +
  "A kernel whose data lie in caches, or that skips zeros, may pass it.";

function kernelItem(
  store: Store,
  schedule: Schedule,
  lines: readonly string[],
  { name, flops, bytes, why, origins }: KernelCost,
  k: number,
  measured: Measured | undefined,
): HTMLElement {
  const sides = [...new Set(origins.map(({ role }) => sideOf(role)))];
  const title = el("button", { type: "button", class: "kernel-name" }, `${k + 1}  ${name}`);
  title.addEventListener("click", () =>
    store.select({ label: name, keys: new Set(keysOf(origins, store.model.path)) }),
  );
  const cost = `${grouped(flops)} flops, ${bytesText(bytes)}, ${(flops / Math.max(1, bytes)).toFixed(1)} flops/byte; ${why}`;
  const mathematics = schedule.kernels[k]!.stages.map((stage) => el("div", {}, stageText(schedule, stage)));
  return el(
    "section",
    { class: `kernel ${sides.at(-1) ?? "forward"}` },
    el(
      "header",
      {},
      title,
      el("span", { class: "cost" }, cost),
      measured && el("span", { class: "timing" }, timingText(measured, k, flops, bytes)),
    ),
    el("div", { class: "mathematics" }, ...mathematics),
    codeOf(lines, name),
  );
}

function timingText(measured: Measured, k: number, flops: number, bytes: number): string {
  const time = measured.milliseconds[k]!;
  // A clock that did not tick tells nothing.
  const ceiling = time > 0 ? `, ${percent(leastTime(measured.ceiling, flops, bytes) / time)} of the ceiling` : "";
  return `${micros(time)}, ${percent(time / total(measured))} of the step${ceiling}`;
}

/** The function of that name, with comments faint. */
function codeOf(lines: readonly string[], name: string): HTMLElement {
  const from = lines.findIndex((line) => line.startsWith(`  function ${name}(`));
  const to = lines.indexOf("  }", from);
  const pre = el("pre", {});
  for (const line of lines.slice(from, to + 1)) {
    const at = line.indexOf("//");
    const code = at < 0 ? line : line.slice(0, at);
    for (const part of code.slice(2).split(/\b(function|const|let|for|if|return)\b/)) {
      pre.append(/^(?:function|const|let|for|if|return)$/.test(part) ? el("span", { class: "keyword" }, part) : part);
    }
    if (at >= 0) pre.append(el("span", { class: "comment" }, line.slice(at)));
    pre.append("\n");
  }
  return pre;
}
