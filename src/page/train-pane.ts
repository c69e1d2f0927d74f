// The train view: curves, first weights, confusion, and the pad; drawn from what the worker told last.
import { curvesText, smoothed } from "../inspect/curves.ts";
import { mountPad } from "./digit-pad.ts";
import { byId, el } from "./dom.ts";
import type { Held, Tensor } from "./messages.ts";
import { signedImage } from "./pictures.ts";
import type { Training } from "./training.ts";

const mostUnits = 40;

export function mountTrain(training: Training): void {
  const loss = byId("loss-curve");
  const accuracy = byId("metric-curve");
  const weights = byId("weights");
  const confusion = byId("confusion");
  const pad = mountPad((pixels) => training.send({ kind: "predict", pixels }));
  byId("pad-clear").addEventListener("click", () => {
    pad.clear();
    training.prediction = undefined;
    drawPrediction(training);
  });

  const drawCurves = (): void => {
    const size = { width: 420, height: 150 };
    const points = training.losses.map(({ step, loss: y }) => ({ x: step, y }));
    const heldLoss = training.held.map(({ step, results }) => ({ x: step, y: results[0]![1] }));
    loss.innerHTML = curvesText(
      [
        { points, kind: "raw" },
        { points: smoothed(points, 20), kind: "mean" },
        { points: heldLoss, kind: "held" },
      ],
      size,
      { low: 0 },
    );
    const metric = training.held.flatMap(({ step, results }) => (results[1] ? [{ x: step, y: results[1][1] }] : []));
    const name = training.held[0]?.results[1]?.[0];
    const isShare = metric.every(({ y }) => y >= 0 && y <= 1);
    accuracy.innerHTML = curvesText([{ points: metric, kind: "held" }], size, isShare ? { low: 0, high: 1 } : {});
    const { ready } = training;
    byId("loss-caption").textContent = ready
      ? `loss of each batch, its mean, and on ${ready.heldRows} held-out rows of ${ready.data}`
      : "";
    byId("metric-caption").textContent = name === undefined ? "" : `${name} on held-out rows of ${ready?.data ?? ""}`;
  };

  training.on((kind) => {
    if (kind === "reset" || kind === "ready") {
      const side = training.ready?.side;
      byId("pad-part").hidden = side === undefined || training.ready?.classes === undefined;
      if (side !== undefined) pad.resize(side);
      weights.replaceChildren();
      confusion.replaceChildren();
    }
    const problem = byId("train-problem");
    problem.textContent = training.problem ?? "";
    problem.hidden = training.problem === undefined;
    if (kind === "held" || kind === "reset" || kind === "progress") drawCurves();
    if (kind === "held") drawConfusion(confusion, training.held.at(-1)!);
    if (kind === "weights") drawWeights(weights, training.weights, training.ready?.side);
    if (kind === "prediction" || kind === "reset") drawPrediction(training);
  });
}

/** Each unit of the first layer as an image over the input; each kernel of a convolution. */
function drawWeights(into: HTMLElement, tensors: readonly Tensor[], side: number | undefined): void {
  const [tensor] = tensors;
  if (!tensor) {
    into.replaceChildren();
    return;
  }
  const { shape, values, name } = tensor;
  const most = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const [rows, columns] = shape as [number, number];
  const pixels = (side ?? 0) ** 2;
  const byColumn = shape.length === 2 && rows === pixels;
  const units = Math.min(mostUnits, byColumn ? columns : rows);
  const width = shape.length === 4 ? shape[3]! : side!;
  const height = shape.length === 4 ? shape[2]! : side!;
  const stride = values.length / rows;
  const images = Array.from({ length: units }, (_, unit) => {
    const image = signedImage(
      values,
      (pixel) => (byColumn ? pixel * columns + unit : unit * stride + pixel),
      width,
      height,
      most,
    );
    return el("figure", {}, image, el("figcaption", {}, String(unit)));
  });
  const total = byColumn ? columns : rows;
  into.replaceChildren(
    el(
      "p",
      { class: "caption" },
      `${name}: ${units === total ? "all" : `the first ${units} of`} ${total} units; blue raises, vermilion lowers`,
    ),
    el("div", { class: "images" }, ...images),
  );
}

function drawConfusion(into: HTMLElement, { confusion, rows }: Held): void {
  if (!confusion) {
    into.replaceChildren();
    return;
  }
  const most = Math.max(1, ...confusion.map((row, k) => Math.max(...row.filter((_, other) => other !== k))));
  const right = confusion.reduce((sum, row, k) => sum + row[k]!, 0);
  const table = el(
    "table",
    { class: "confusion" },
    el("thead", {}, el("tr", {}, el("th", {}, "is \\ said"), ...confusion.map((_, k) => el("th", {}, String(k))))),
    el(
      "tbody",
      {},
      ...confusion.map((row, k) =>
        el(
          "tr",
          {},
          el("th", {}, String(k)),
          ...row.map((count, other) => {
            const cell = el(
              "td",
              { class: other === k ? "right" : count > 0 ? "missed" : "none" },
              count === 0 ? "" : String(count),
            );
            if (other !== k) cell.style.setProperty("--share", String(count / most));
            return cell;
          }),
        ),
      ),
    ),
  );
  into.replaceChildren(el("p", { class: "caption" }, `${right} of ${rows} held-out rows are right`), table);
}

function drawPrediction({ prediction, ready }: Training): void {
  const into = byId("prediction");
  if (!prediction || !ready) {
    into.replaceChildren(el("p", { class: "caption" }, "Draw a digit with a mouse, a pen or a finger."));
    return;
  }
  // Scores and log-probabilities alike become probabilities.
  const top = prediction.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const raised = Array.from(prediction, (value) => Math.exp(value - top));
  const sum = raised.reduce((a, b) => a + b, 0);
  const best = raised.indexOf(Math.max(...raised));
  into.replaceChildren(
    el("output", { class: "answer", id: "answer" }, String(best)),
    el(
      "div",
      { class: "bars" },
      ...raised.map((value, k) => {
        const bar = el("span", { class: "fill" });
        bar.style.setProperty("--share", String(value / sum));
        return el("div", { class: k === best ? "best" : "" }, el("span", {}, String(k)), bar);
      }),
    ),
  );
}
