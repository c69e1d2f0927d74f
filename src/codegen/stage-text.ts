// A stage as one line of mathematics: `logits[n, j] = sum over k of x[n, k] * weights[k, j] + bias[j]`.
import { type Affine, type AxisId, type Expr, isAffine, type ScalarFn } from "../ir/stage.ts";
import { type Dim, dimText } from "../ir/types.ts";
import { bandText } from "./bands.ts";
import type { PlacedStage, Schedule } from "./schedule.ts";

const infix = new Map<ScalarFn, { readonly sign: string; readonly level: number }>([
  ["or", { sign: "or", level: 1 }],
  ["and", { sign: "and", level: 2 }],
  ["eq", { sign: "==", level: 3 }],
  ["ne", { sign: "!=", level: 3 }],
  ["lt", { sign: "<", level: 3 }],
  ["le", { sign: "<=", level: 3 }],
  ["gt", { sign: ">", level: 3 }],
  ["ge", { sign: ">=", level: 3 }],
  ["add", { sign: "+", level: 4 }],
  ["sub", { sign: "-", level: 4 }],
  ["mul", { sign: "*", level: 5 }],
  ["div", { sign: "/", level: 5 }],
  ["mod", { sign: "%", level: 5 }],
  ["pow", { sign: "**", level: 7 }],
]);

const reduceWords = { add: "sum", mul: "product", min: "min", max: "max", argmin: "argmin", argmax: "argmax" } as const;

export function stageText(schedule: Schedule, stage: PlacedStage): string {
  const axisNames = new Map(stage.axes.map((a) => [a.id, a.name]));
  const place = (p: Affine | Expr): string => (isAffine(p) ? placeText(p, axisNames) : text(p, 0));
  const element = (value: number, places: readonly (Affine | Expr)[]): string => {
    const { name } = schedule.values[value]!;
    return places.length === 0 ? name : `${name}[${places.map(place).join(", ")}]`;
  };
  const folded = stage.axes.filter((a) => a.kind !== "parallel").map((a) => a.name);
  const reduction = stage.reduce
    ? `${reduceWords[stage.reduce.op]} over ${folded.join(", ")} of ${text(stage.body, 4)}`
    : "";

  function text(e: Expr, level: number): string {
    switch (e.kind) {
      case "num":
        return String(e.value);
      case "index":
        return placeText(e.at, axisNames);
      case "size":
        return level > 5 && typeof e.dim !== "number" && e.dim.perRow !== 1 ? `(${dimText(e.dim)})` : dimText(e.dim);
      case "acc":
        return level > 0 ? `(${reduction})` : reduction;
      case "gather":
        return element(e.of, e.at);
      case "load": {
        const read = element(e.of, e.at);
        return e.guard ? `(${read} or ${e.otherwise ?? 0} outside)` : read;
      }
      case "call": {
        const sign = infix.get(e.fn);
        if (sign && e.args.length === 2) {
          const inner = `${text(e.args[0]!, sign.level)} ${sign.sign} ${text(e.args[1]!, sign.level + 1)}`;
          return level > sign.level ? `(${inner})` : inner;
        }
        if (e.fn === "neg") return `-${text(e.args[0]!, 6)}`;
        if (e.fn === "cast") return e.dtype === "f32" ? text(e.args[0]!, level) : `${e.dtype}(${text(e.args[0]!, 0)})`;
        return `${e.fn}(${e.args.map((a) => text(a, 0)).join(", ")})`;
      }
    }
  }

  if (stage.filter)
    return `${element(stage.out.value, stage.out.at)} = all ${folded.join(", ")} where ${text(stage.body, 0)}`;
  const right = stage.reduce ? (stage.epilogue ? text(stage.epilogue, 0) : reduction) : text(stage.body, 0);
  const band = bandText(stage);
  const visited = band === undefined ? "" : `  for ${band}`;
  return `${element(stage.out.value, stage.out.at)} ${stage.out.mode === "add" ? "+=" : "="} ${right}${visited}`;
}

function placeText(place: Affine, names: ReadonlyMap<AxisId, string>): string {
  const parts: string[] = place.terms.map(({ axis, mul }) => termText(names.get(axis) ?? `axis${axis}`, mul));
  if (place.rows) parts.push(termText("N", place.rows));
  if (place.const !== 0 || parts.length === 0) parts.push(String(place.const));
  return parts.join(" + ").replaceAll("+ -", "- ");
}

const termText = (name: string, mul: Dim): string =>
  mul === 1 ? name : mul === -1 ? `-${name}` : `${dimText(mul)} * ${name}`;
