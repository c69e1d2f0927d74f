// The equations view: loss and gradients as mathematics, each with the lines it comes from; the rewrites that made them safe.
import { textOf } from "../base/span.ts";
import { sideOfAll } from "../inspect/side.ts";
import { typeText } from "../ir/types.ts";
import { byId, drawnWhenShown, el, inParts } from "./dom.ts";
import { type Key, keysOf, sharesKey } from "./keys.ts";
import { mathml } from "./mathml.ts";
import type { Store } from "./store.ts";

export function mountEquations(store: Store): void {
  const pane = byId("equations");
  let rows: { readonly row: HTMLElement; readonly keys: readonly Key[] }[] = [];
  const mark = (): void => {
    for (const { row, keys } of rows) row.classList.toggle("selected", sharesKey(keys, store.selection));
  };
  const draw = (): void => {
    const { compiled } = store;
    if (!compiled) return;
    const main = store.model.path;
    const drawn: typeof rows = [];
    const list = inParts(compiled.equations, ({ name, text, type, origins, role }) => {
      const side = role === "gradient" ? "backward" : sideOfAll(origins);
      const row = el("button", { type: "button", class: `equation ${side}`, "aria-label": `${name} = ${text}` });
      const formula = el("span", { class: "formula" });
      // Made from escaped text by our own writer.
      formula.innerHTML = mathml(`${name} = ${text}`);
      row.append(formula, el("span", { class: "type" }, typeText(type)));
      const keys = keysOf(origins, main);
      row.addEventListener("click", () => store.select({ label: name, keys: new Set(keys) }));
      drawn.push({ row, keys });
      return row;
    });
    rows = drawn;
    const rewrites = inParts(compiled.rewrites, ({ name, origins }) => {
      const span = origins.find((origin) => origin.span)?.span;
      const item = el(
        "button",
        { type: "button", class: "rewrite" },
        span ? el("code", {}, textOf(span).replace(/\s+/g, " ")) : "",
        ` made safe: ${name}`,
      );
      const keys = keysOf(origins, main);
      item.addEventListener("click", () => store.select({ label: name, keys: new Set(keys) }));
      return item;
    });
    pane.replaceChildren(
      rows.length === 0
        ? el("p", { class: "quiet" }, "This model has no loss, so there is nothing to differentiate.")
        : el("div", { class: "equation-list" }, ...list),
      ...rewrites,
    );
    mark();
  };
  store.on("compiled", drawnWhenShown(pane, draw));
  store.on("selection", mark);
}
