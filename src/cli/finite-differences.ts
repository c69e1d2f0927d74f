// Holds the derived gradients of a module to central differences of its loss, in float64. Made-up inputs, start values as
// the model has them; prints nothing.
import { differentiate } from "../ir/differentiate.ts";
import { lossGraph } from "../ir/gradient-graph.ts";
import { type Graph, type OpTable, rebuild } from "../ir/graph.ts";
import { type InterpretOptions, interpret } from "../ir/interpret.ts";
import type { ColumnInfo, Module } from "../ir/module.ts";
import { opTable } from "../ir/ops/table.ts";
import { optimise } from "../ir/passes/pipeline.ts";
import { countAt, dimAt, type TensorType } from "../ir/types.ts";

/** Largest difference that counts as agreement, relative to the largest entry of the gradient. */
export const differenceLimit = 1e-5;

/** Rows of the made-up batch. */
export const checkedRows = 3;

export interface Slope {
  /** `at [3, 0]`, or `along a random direction`. */
  readonly place: string;
  readonly mine: number;
  readonly slope: number;
  readonly error: number;
}

export interface CheckedParameter {
  readonly name: string;
  readonly type: TensorType;
  /** Single entries that were moved; all of them at once were moved too. */
  readonly entries: number;
  readonly size: number;
  readonly worst: Slope;
}

export interface GradientCheck {
  readonly loss: number;
  readonly parameters: readonly CheckedParameter[];
}

type Values = Map<string, ArrayLike<number>>;

interface Settings {
  /** Numbers of the files that the model loads. */
  readonly loads: ReadonlyMap<string, ArrayLike<number>>;
  /** Ops whose derivative rules are checked; tests plant wrong ones. */
  readonly ops?: OpTable;
  /** About how long the whole may take; large models have fewer entries moved. */
  readonly seconds?: number;
}

/** The module was elaborated with `grads`. */
export function checkGradients(module: Module, names: readonly string[], settings: Settings): GradientCheck {
  const values = startingValues(module, settings.loads);
  const run = (graph: Graph, slots: Values): Map<string, ArrayLike<number>> => {
    const options: InterpretOptions = { rows: checkedRows, inputs: slots, slots, scalars: scalarsOf(module) };
    return new Map([...interpret(graph, options).outputs].map(([name, { data }]) => [name, data]));
  };
  const derived = run(optimise(lossGraph(module, names), settings.ops ?? opTable).graph, values);
  const { graph: plain, fixed } = withoutStops(module, (graph) => run(graph, values));
  const base: Values = new Map([...values, ...fixed]);
  const lossAt = (slots: Values): number => run(plain, slots).get("loss")![0]!;
  const started = performance.now();
  const loss = lossAt(base);
  if (!Number.isFinite(loss)) return { loss, parameters: [] };
  const took = Math.max(1e-4, (performance.now() - started) / 1000);
  const share = (settings.seconds ?? 20) / names.length / took / 8;
  const entries = Math.max(1, Math.min(12, Math.floor(share)));
  const parameters = names.map((name): CheckedParameter => {
    const gradient = derived.get(`grad.${name}`)!;
    const type = typeOf(module, name);
    return { name, type, size: gradient.length, ...compare(name, type, gradient, entries, base, loss, lossAt) };
  });
  return { loss, parameters };
}

function typeOf(module: Module, name: string): TensorType {
  return [...module.slots, ...module.columns].find((each) => each.name === name)!.type;
}

// ---- Slopes ----

/** Kinks are passed on one side by small steps, curvature by large ones; a wrong derivative is wrong for all of them. */
const steps: readonly number[] = [1e-3, 1e-4, 1e-5, 1e-6];

function compare(
  name: string,
  type: TensorType,
  gradient: ArrayLike<number>,
  entries: number,
  base: Values,
  loss: number,
  lossAt: (slots: Values) => number,
): { entries: number; worst: Slope } {
  const start = Float64Array.from(base.get(name)!);
  let largest = 1e-6 * Math.max(1, Math.abs(loss));
  for (let i = 0; i < gradient.length; i++) largest = Math.max(largest, Math.abs(gradient[i]!));
  const along = (direction: (i: number) => number, mine: number, scale: number, place: string): Slope => {
    let best: Slope = { place, mine, slope: Number.NaN, error: Number.POSITIVE_INFINITY };
    for (const step of steps) {
      const moved = (by: number): number =>
        lossAt(
          new Map(base).set(
            name,
            start.map((value, i) => value + by * direction(i)),
          ),
        );
      const slope = (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step);
      const error = Math.abs(slope - mine) / Math.max(scale, Math.abs(slope));
      if (error < best.error) best = { place, mine, slope, error };
      if (best.error < differenceLimit) break;
    }
    return best;
  };
  const chosen = chosenEntries(gradient, entries);
  const slopes = chosen.map((at) =>
    along((i) => (i === at ? 1 : 0), gradient[at]!, largest, `at ${placeText(type, at)}`),
  );
  const sign = (i: number): number => (noise(i + 0.5) < 0.5 ? -1 : 1);
  const unit = 1 / Math.sqrt(Math.max(1, gradient.length));
  const total = Array.from(gradient).reduce((sum, value, i) => sum + value * sign(i) * unit, 0);
  slopes.push(along((i) => sign(i) * unit, total, largest, "along a random direction"));
  return {
    entries: chosen.length,
    worst: slopes.reduce((a, b) => (b.error > a.error || Number.isNaN(b.error) ? b : a)),
  };
}

/** Half of them where the gradient is largest, half anywhere. */
function chosenEntries(gradient: ArrayLike<number>, count: number): number[] {
  const places = Array.from(gradient, (_, i) => i);
  if (places.length <= count) return places;
  const byNoise = [...places].sort((a, b) => noise(a) - noise(b)).slice(0, Math.floor(count / 2));
  const bySize = places.sort((a, b) => Math.abs(gradient[b]!) - Math.abs(gradient[a]!)).slice(0, Math.ceil(count / 2));
  return [...new Set([...bySize, ...byNoise])];
}

function placeText({ shape }: TensorType, index: number): string {
  const place: number[] = [];
  let rest = index;
  for (const dim of [...shape].reverse()) {
    const size = dimAt(dim, checkedRows);
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `[${place.join(", ")}]`;
}

// ---- Numbers ----

/** Numbers in 0..1 without a pattern, the same in every run. */
function noise(i: number): number {
  const x = Math.sin(12.9898 * (i + 1)) * 43758.5453;
  return x - Math.floor(x);
}

function startingValues(module: Module, loads: ReadonlyMap<string, ArrayLike<number>>): Values {
  const start = interpret(module.init, { slots: new Map(loads) }).outputs;
  const values: Values = new Map(loads);
  let k = 0;
  for (const { name, kind } of module.slots) {
    const { data } = start.get(name)!;
    // A parameter that starts at one number everywhere may start at a kink or in a symmetry.
    values.set(name, kind === "param" ? data.map((value) => value + 0.05 * (noise(++k * 7.7) - 0.5)) : data);
  }
  for (const column of module.columns)
    values.set(
      column.name,
      columnValues(column, () => noise(++k)),
    );
  return values;
}

function columnValues({ type, classes }: ColumnInfo, next: () => number): number[] {
  const one = (): number => (type.dtype === "f32" ? next() : Math.floor(next() * (classes ?? 2)));
  return Array.from({ length: countAt(type.shape, checkedRows) }, one);
}

const scalarsOf = (module: Module): Map<string, number> =>
  new Map([
    ...["step", "epoch", "steps"].map((name) => [name, 0] as const),
    ...module.scalars.map(({ name, value }) => [name, value] as const),
  ]);

/** The loss alone, with what `stop_gradient` cuts off held at its value: differences must not see it move. */
function withoutStops(module: Module, run: (graph: Graph) => ReadonlyMap<string, ArrayLike<number>>) {
  const graph = lossGraph(module, []);
  const stopped = graph.nodes.filter(({ op }) => op === "stop_gradient");
  const fixed: Values = new Map();
  if (stopped.length > 0) {
    const outputs = new Map(stopped.map(({ id }, k) => [`stopped ${k}`, id]));
    for (const [name, data] of run(differentiate({ ...graph, outputs, updates: [] }, opTable))) fixed.set(name, data);
  }
  const places = new Map(stopped.map(({ id }, k) => [id, `stopped ${k}`]));
  const cut = rebuild(graph, opTable, (b, node) => {
    const name = places.get(node.id);
    return name === undefined ? undefined : b.node("input", [], { name, ...node.type });
  });
  return { graph: differentiate(cut, opTable), fixed };
}
