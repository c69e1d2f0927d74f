// The page of `nnc explore`: puts its views together. The model comes with the page, as data.
import { mountCode } from "./code-pane.ts";
import { byId } from "./dom.ts";
import { mountDrop } from "./drop.ts";
import { mountEditor } from "./editor.ts";
import { mountEquations } from "./equations-pane.ts";
import { mountGraph } from "./graph-pane.ts";
import { mountMemory } from "./memory-pane.ts";
import type { PageModel } from "./program.ts";
import { Store } from "./store.ts";
import { mountStrip } from "./strip.ts";
import { mountTabs } from "./tabs.ts";
import { mountTrain } from "./train-pane.ts";
import { Training } from "./training.ts";
import { mountWalk } from "./walk-pane.ts";

const model = JSON.parse(byId("model").textContent ?? "") as PageModel;
const store = new Store(model);
const training = new Training(store);
byId("file-name").textContent = `${model.name}.nn`;
document.title = `${model.name} – nnc explore`;
mountTabs();
mountEditor(store);
mountGraph(store);
mountEquations(store);
mountMemory(store);
mountCode(store, training);
mountTrain(training);
mountStrip(store, training);
mountWalk(store, training);
mountDrop(training);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") store.select(undefined);
});
byId("graph-status").textContent = "compiling …";
// The text is there before its program: of a deep model that takes seconds.
requestAnimationFrame(() =>
  setTimeout(() => {
    byId("graph-status").textContent = "";
    store.compile();
    document.body.dataset["state"] = "ready";
  }),
);
