// Holds the derived gradients of a module to central differences of its loss, in float64. Made-up inputs, start values as
// the model has them; prints nothing.
import { differentiate } from "../ir/differentiate.ts";
import { lossGraph } from "../ir/gradient-graph.ts";
import { type Graph, type NodeId, type OpTable, rebuild } from "../ir/graph.ts";
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
  /** Bytes that one evaluation may take. */
  readonly maxBytes?: number;
}

/** The module was elaborated with `grads`. */
export function checkGradients(module: Module, names: readonly string[], settings: Settings): GradientCheck {
  const limit = settings.maxBytes === undefined ? {} : { maxBytes: settings.maxBytes };
  const values = startingValues(module, settings.loads, limit);
  const run = (graph: Graph, slots: Values): Values => {
    const options: InterpretOptions = { rows: checkedRows, inputs: slots, slots, scalars: scalarsOf(module), ...limit };
    return new Map([...interpret(graph, options).outputs].map(([name, { data }]) => [name, data]));
  };
  const derived = run(optimise(lossGraph(module, names), settings.ops ?? opTable).graph, values);
  const started = performance.now();
  const { graph, held } = holdStops(lossGraph(module, []), (stopped) => run(stopped, values));
  const base: Values = new Map([...values, ...held, ...run(withEveryNode(graph), new Map([...values, ...held]))]);
  const loss = base.get("loss")![0]!;
  if (!Number.isFinite(loss)) return { loss, parameters: [] };
  const took = Math.max(1e-4, (performance.now() - started) / 1000);
  const entries = Math.min(12, Math.floor((settings.seconds ?? 20) / names.length / took / 2));
  const parameters = names.map((name): CheckedParameter => {
    const gradient = derived.get(`grad.${name}`)!;
    const type = typeOf(module, name);
    const moving = onlyMoving(graph, name);
    const lossAt = (moved: Float64Array): number => run(moving, new Map(base).set(name, moved)).get("loss")![0]!;
    const start = Float64Array.from(base.get(name)!);
    return { name, type, size: gradient.length, ...compare(type, gradient, entries, start, loss, lossAt) };
  });
  return { loss, parameters };
}

function typeOf(module: Module, name: string): TensorType {
  return [...module.slots, ...module.columns].find((each) => each.name === name)!.type;
}

// ---- Slopes ----

/** The likeliest first. Kinks are passed on one side by small steps; a wrong derivative is wrong for all of them. */
const steps: readonly number[] = [1e-5, 1e-6, 1e-4];

function compare(
  type: TensorType,
  gradient: ArrayLike<number>,
  entries: number,
  start: Float64Array,
  loss: number,
  lossAt: (moved: Float64Array) => number,
): { entries: number; worst: Slope } {
  let largest = 1e-6 * Math.max(1, Math.abs(loss));
  for (let i = 0; i < gradient.length; i++) largest = Math.max(largest, Math.abs(gradient[i]!));
  const along = (direction: (i: number) => number, mine: number, place: string): Slope => {
    let best: Slope = { place, mine, slope: Number.NaN, error: Number.POSITIVE_INFINITY };
    for (const step of steps) {
      const moved = (by: number): number => lossAt(start.map((value, i) => value + by * direction(i)));
      const slope = (moved(step) - moved(-step)) / (2 * step);
      const error = Math.abs(slope - mine) / Math.max(largest, Math.abs(slope));
      if (error < best.error) best = { place, mine, slope, error };
      if (best.error < differenceLimit) break;
    }
    return best;
  };
  const chosen = chosenEntries(gradient, entries);
  const slopes = chosen.map((at) => along((i) => (i === at ? 1 : 0), gradient[at]!, `at ${placeText(type, at)}`));
  const sign = (i: number): number => (noise(i + 0.5) < 0.5 ? -1 : 1);
  const unit = 1 / Math.sqrt(Math.max(1, gradient.length));
  const total = Array.from(gradient).reduce((sum, value, i) => sum + value * sign(i) * unit, 0);
  slopes.push(along((i) => sign(i) * unit, total, "along a random direction"));
  return { entries: chosen.length, worst: slopes.reduce((a, b) => (b.error > a.error ? b : a)) };
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

function startingValues(
  module: Module,
  loads: ReadonlyMap<string, ArrayLike<number>>,
  limit: Pick<InterpretOptions, "maxBytes">,
): Values {
  const start = interpret(module.init, { slots: new Map(loads), ...limit }).outputs;
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

// ---- Graphs of the loss alone ----

const valueName = (id: NodeId): string => `value ${id}`;

/** What `stop_gradient` cuts off, held at its value: differences must not see it move. */
function holdStops(graph: Graph, run: (stopped: Graph) => Values): { graph: Graph; held: Values } {
  const stops = new Map(
    graph.nodes.flatMap(({ op, id }): [string, NodeId][] => (op === "stop_gradient" ? [[`stopped ${id}`, id]] : [])),
  );
  const held: Values = stops.size === 0 ? new Map() : run(differentiate({ ...graph, outputs: stops }, opTable));
  const cut = rebuild(graph, opTable, (b, { op, id, type }) =>
    op === "stop_gradient" ? b.node("input", [], { name: `stopped ${id}`, ...type }) : undefined,
  );
  return { graph: differentiate(cut, opTable), held };
}

/** With the value of each node as an output. */
function withEveryNode(graph: Graph): Graph {
  const all = graph.nodes.map(({ id }) => [valueName(id), id] as const);
  return { ...graph, outputs: new Map([...graph.outputs, ...all]) };
}

/** Only what depends on the slot or column `name` is left to compute; all else is an input of its known value. */
function onlyMoving(graph: Graph, name: string): Graph {
  const moves = new Uint8Array(graph.nodes.length);
  for (const { id, inputs, attrs } of graph.nodes) {
    if (attrs["name"] === name || inputs.some((input) => moves[input])) moves[id] = 1;
  }
  return rebuild(graph, opTable, (b, { id, type }) =>
    moves[id] ? undefined : b.node("input", [], { name: valueName(id), ...type }),
  );
}
