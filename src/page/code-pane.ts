// The code view: the emitted TypeScript, kernel by kernel in the order they run, with what each costs; and the whole file.
import { stageText } from "../codegen/stage-text.ts";
import { kernelCosts } from "../inspect/costs.ts";
import { sideOf } from "../inspect/side.ts";
import { bytesText, grouped } from "../runtime/user-error.ts";
import { byId, download, drawnWhenShown, el } from "./dom.ts";
import { type Key, keysOf, sharesKey } from "./keys.ts";
import type { Compiled } from "./program.ts";
import type { Store } from "./store.ts";

interface Block {
  readonly item: HTMLElement;
  readonly keys: readonly Key[];
}

export function mountCode(store: Store): void {
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
    blocks = blocksOf(compiled, store);
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
        `The training step is ${blocks.length} kernels over one ArrayBuffer; it imports and allocates nothing. `,
        save,
      ),
      ...blocks.map(({ item }) => item),
      rest,
    );
    mark(false);
  };
  store.on("compiled", drawnWhenShown(pane, draw));
  store.on("selection", () => mark(true));
}

function blocksOf({ unit, typescript }: Compiled, store: Store): Block[] {
  const program =
    unit.programs.find(({ name }) => name === "step") ?? unit.programs.find(({ name }) => name === "predict")!;
  const lines = typescript.split("\n");
  return kernelCosts(unit, program).map(({ name, flops, bytes, why, origins }, k) => {
    const keys = keysOf(origins, store.model.path);
    const sides = [...new Set(origins.map(({ role }) => sideOf(role)))];
    const title = el("button", { type: "button", class: "kernel-name" }, `${k + 1}  ${name}`);
    title.addEventListener("click", () => store.select({ label: name, keys: new Set(keys) }));
    const { schedule } = program;
    const mathematics = schedule.kernels[k]!.stages.map((stage) => el("div", {}, stageText(schedule, stage)));
    const item = el(
      "section",
      { class: `kernel ${sides.at(-1) ?? "forward"}` },
      el(
        "header",
        {},
        title,
        el(
          "span",
          { class: "cost" },
          `${grouped(flops)} flops, ${bytesText(bytes)}, ${(flops / Math.max(1, bytes)).toFixed(1)} flops/byte; ${why}`,
        ),
      ),
      el("div", { class: "mathematics" }, ...mathematics),
      codeOf(lines, name),
    );
    return { item, keys };
  });
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
