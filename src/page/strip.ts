// The strip at the bottom: train, step, reset, downloads, rate, loss; and the run-time numbers of the model.
import { curvesText, smoothed } from "../inspect/curves.ts";
import { afterQuiet, byId, download, el } from "./dom.ts";
import type { Store } from "./store.ts";
import type { Training } from "./training.ts";

export function mountStrip(store: Store, training: Training): void {
  const run = byId<HTMLButtonElement>("run");
  const step = byId<HTMLButtonElement>("step");
  const facts = byId("facts");
  const spark = byId("spark");
  run.addEventListener("click", () => training.toggle());
  step.addEventListener("click", () => training.send({ kind: "walk" }));
  byId("reset").addEventListener("click", () => training.reset());
  byId("save").addEventListener("click", () => training.send({ kind: "save" }));
  training.saved = (bytes) => download(`${store.model.name}.safetensors`, bytes as Uint8Array<ArrayBuffer>);

  const text = (label: string, value: string): HTMLElement =>
    el("span", { class: "fact" }, el("small", {}, label), el("b", {}, value));
  const draw = (): void => {
    const { ready } = training;
    const isOver = ready !== undefined && training.step >= ready.steps;
    run.textContent = training.running && !isOver ? "Pause" : isOver ? "Done" : "Train";
    run.disabled = ready === undefined || isOver;
    step.disabled = run.disabled;
    const [, metric] = training.held.at(-1)?.results ?? [];
    facts.replaceChildren(
      text(
        ready === undefined ? "step" : `step of ${ready.steps.toLocaleString("en")}`,
        training.step.toLocaleString("en"),
      ),
      text("loss", Number.isNaN(training.loss) ? "–" : training.loss.toFixed(4)),
      ...(metric ? [text(`${metric[0]}, ${training.ready?.data ?? ""}`, metric[1].toFixed(4))] : []),
      text(
        "steps/s, this page",
        training.stepsPerSecond === 0 ? "–" : Math.round(training.stepsPerSecond).toLocaleString("en"),
      ),
    );
    const points = smoothed(
      training.losses.map(({ step: x, loss: y }) => ({ x, y })),
      10,
    );
    spark.innerHTML = curvesText([{ points, kind: "mean" }], { width: 120, height: 34 }, { low: 0 }, false);
  };
  training.on(draw);
  store.on("compiled", () => drawNumbers(store, training));
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    const isIn = (selector: string): boolean => target instanceof Element && target.closest(selector) !== null;
    if (isIn("textarea, input") || step.disabled) return;
    if (event.key === ".") training.send({ kind: "walk" });
    // On a button the space bar is the button's own.
    else if (event.key === " " && !isIn("button, summary, .node")) {
      event.preventDefault();
      training.toggle();
    }
  });
  draw();
}

/** `lr` and the hypers: changed while it runs, as in `trainer.scalars`. */
function drawNumbers(store: Store, training: Training): void {
  byId("numbers").replaceChildren(
    ...(store.compiled?.module.scalars ?? []).map(({ name, value }) => {
      const input = el("input", { type: "number", step: "any", value, name });
      const send = (): void => {
        const next = input.valueAsNumber;
        if (Number.isFinite(next)) training.send({ kind: "scalar", name, value: next });
      };
      input.addEventListener("input", afterQuiet(150, send));
      training.on((kind) => {
        if (kind === "ready" && input.isConnected) send();
      });
      return el("label", {}, `${name} `, input);
    }),
  );
}
