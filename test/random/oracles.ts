// What must hold of any model: the emitted program computes what the interpreter computes, whatever passes, recipes and reuse
// are on, and however the model is spelled.
import { keyHash, mix } from "../../src/base/random.ts";
import { type CompileOptions, compile as compileUnit } from "../../src/codegen/compile.ts";
import { placingPasses, schedulePasses } from "../../src/codegen/passes/pipeline.ts";
import { emitModule } from "../../src/codegen/ts/emit.ts";
import { printPlain } from "../../src/codegen/ts/plain.ts";
import { assemble } from "../../src/codegen/wat/assemble.ts";
import { watText } from "../../src/codegen/wat/module.ts";
import { Builder, type NodeId, type Update } from "../../src/ir/graph.ts";
import { type Interpretation, interpret } from "../../src/ir/interpret.ts";
import type { ColumnInfo, Module, SlotInfo } from "../../src/ir/module.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { graphPasses, optimise } from "../../src/ir/passes/pipeline.ts";
import { countAt } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import type { Library, Trainer } from "../../src/runtime/library.ts";
import type { Choices } from "../ir/random-graphs.ts";
import type { Leaf, RandomModel } from "./graphs.ts";
import { bareModule } from "./modules.ts";
import { respelled } from "./respell.ts";

const origin = { role: "forward" } as const;
const rate = 0.25;
const seed = 11;

/**
 * Numbers in -1.3..1.3, exact in f32, without a pattern: where values form one, means and differences of them tie exactly, and
 * rounding picks the winner of a minimum.
 */
export function leafValues({ name, dtype, shape, classes }: Leaf, rows: number): number[] {
  const bits = (i: number): number => mix(mix(i + 1) ^ keyHash(name)) >>> 0;
  return Array.from({ length: countAt(shape, rows) }, (_, i) => {
    if (dtype === "i32") return bits(i) % (classes ?? 3);
    if (dtype === "u8") return bits(i) % 256;
    return Math.fround((bits(i) / 2 ** 32 - 0.5) * 2.6);
  });
}

/** A step that takes every parameter down its gradient, keeps an average, and shows results, loss and gradients. */
export function moduleOf({ b, leaves, nodes, loss, results }: RandomModel): Module {
  const params = leaves.filter(({ op }) => op === "param");
  const lr = b.node("scalar", [], { name: "lr" });
  const outputs = new Map<string, NodeId>([["loss", loss]]);
  for (const [k, id] of results.entries()) outputs.set(`y${k}`, id);
  const predicted = new Map([...outputs].filter(([name]) => name !== "loss"));
  const updates: Update[] = [];
  for (const { name } of params) {
    const p = nodes.get(name)!;
    const g = b.node("grad", [loss, p]);
    updates.push({ slot: p, next: b.node("sub", [p, b.node("mul", [lr, g])]) });
  }
  // A state that reads a parameter as it was before the step, and one that takes the place of another.
  const slots: SlotInfo[] = params.map(({ name, shape }) => ({
    name,
    kind: "param",
    type: { dtype: "f32", shape },
    trained: true,
    optimizer: false,
    origin,
  }));
  const first = params[0];
  if (first) {
    const type = { dtype: "f32", shape: first.shape } as const;
    const [s, t] = ["s0", "s1"].map((name) => b.node("state", [], { name, ...type })) as [NodeId, NodeId];
    updates.push({ slot: s, next: t });
    updates.push({
      slot: t,
      next: b.node("add", [
        b.node("mul", [s, b.node("const", [], { value: 0.5, dtype: "f32" })]),
        nodes.get(first.name)!,
      ]),
    });
    for (const name of ["s0", "s1"])
      slots.push({ name, kind: "state", type, trained: false, optimizer: false, origin });
  }
  const columns: ColumnInfo[] = leaves
    .filter(({ op }) => op === "input")
    .map(({ name, dtype, shape, classes }) => ({
      name,
      type: { dtype, shape },
      role: "input",
      origin,
      ...(classes ? { classes } : {}),
    }));
  const init = new Builder(opTable);
  const zero = init.node("const", [], { value: 0, dtype: "f32" });
  const starts = new Map(slots.map(({ name, type }) => [name, init.node("broadcast", [zero], { shape: type.shape })]));
  return bareModule({
    slots,
    columns,
    scalars: [{ name: "lr", value: rate, origin }],
    outputs: [...predicted.keys()],
    init: init.graph(starts),
    step: b.graph(outputs, updates),
    predict: b.graph(predicted),
    train: { batch: 4, epochs: 1, seed: 0, shuffle: false, dropLast: false, init: [] },
  });
}

export type Numbers = ReadonlyMap<string, readonly number[]>;

const slotStart = (slot: SlotInfo): number[] =>
  leafValues({ name: slot.name, op: "param", dtype: "f32", shape: slot.type.shape }, 1);

/** Values after `steps` steps, by the reference interpreter. */
export function interpreted(module: Module, rows: number, steps: number, round?: "f32", optimised = false): Numbers {
  const optional = new Set(graphPasses.filter((pass) => !pass.required).map(({ name }) => name));
  const { graph } = optimise(module.step, opTable, optimised ? new Set() : optional, {
    after: (_, between) => void verify(between, opTable),
  });
  let slots = new Map<string, ArrayLike<number>>(module.slots.map((slot) => [slot.name, slotStart(slot)]));
  const inputs = new Map(module.columns.map((column) => [column.name, columnValues(column, rows)]));
  let last: Interpretation | undefined;
  for (let step = 0; step < steps; step++) {
    const scalars = new Map([
      ["lr", rate],
      ["step", step],
    ]);
    last = interpret(graph, { rows, slots, inputs, scalars, seed, ...(round ? { round } : {}) });
    slots = new Map([...slots, ...[...last.updates].map(([name, { data }]) => [name, data] as const)]);
  }
  const outputs = [...last!.outputs].map(([name, { data }]) => [name, [...data]] as const);
  return new Map([...outputs, ...[...slots].map(([name, data]) => [name, Array.from(data)] as const)]);
}

const columnValues = ({ name, type, classes }: ColumnInfo, rows: number): number[] =>
  leafValues(
    { name, op: "input", dtype: type.dtype, shape: type.shape, ...(classes === undefined ? {} : { classes }) },
    rows,
  );

/** The same values by the emitted program. */
export function emitted(module: Module, rows: number, steps: number, way: Way = {}): Numbers {
  const batch = way.batch === "rows" ? rows : (way.batch ?? rows + 1);
  const trainer = load(module, { ...way, batch }).create({ seed });
  for (const slot of module.slots) trainer.write(slot.name, slotStart(slot));
  for (const column of module.columns) {
    // Rows past the batch hold what must not be read.
    const buffer = trainer.inputs[column.name]!;
    buffer.fill(column.type.dtype === "f32" ? Number.NaN : 0);
    buffer.set(columnValues(column, rows));
  }
  for (let step = 0; step < steps; step++) {
    const place = trainer.index["step"];
    if (place !== undefined) trainer.scalars[place] = step;
    trainer.step(rows);
  }
  const loss = trainer.scalars[trainer.index["loss"]!]!;
  const names = [...module.outputs, ...module.slots.map(({ name }) => name)];
  return new Map([["loss", [loss]] as const, ...names.map((name) => [name, Array.from(trainer.read(name))] as const)]);
}

/** The printed module, run without leaving a module in memory for good. */
function load(module: Module, options: Partial<CompileOptions>): Pick<Library, "create"> {
  const unit = compileUnit(module, { target: "ts", ...options });
  const kernels = unit.target === "wasm" ? { wasm: assemble(watText(unit)) } : {};
  const text = printPlain(emitModule(unit, false, kernels), false);
  const body = `${text.replace(/^export /gm, "")}\nreturn { create };`;
  return new Function(body)() as { create(options: { seed: number }): Trainer };
}

// ---- Comparisons ----

/** What differs, or undefined. `slack` is the rounding that the model itself makes, tensor by tensor. */
export function difference(found: Numbers, wanted: Numbers, tolerance: (name: string) => number): string | undefined {
  for (const [name, values] of wanted) {
    const got = found.get(name);
    if (!got || got.length !== values.length) return `${name} has ${got?.length} values, not ${values.length}`;
    const slack = tolerance(name);
    for (const [i, want] of values.entries()) {
      const value = got[i]!;
      if (Object.is(value, want) || value === want || Number.isNaN(slack)) continue;
      if (!(Math.abs(value - want) <= slack)) return `${name}[${i}] is ${value}, not ${want} (within ${slack})`;
    }
  }
  return undefined;
}

/** How far f32 and float64 are apart in each tensor, times some, and a little; NaN where either is not finite. */
export function rounding(exact: Numbers, rounded: Numbers): (name: string) => number {
  return (name) => {
    const [a, b] = [exact.get(name)!, rounded.get(name)!];
    let apart = 0;
    let size = 1;
    for (const [i, value] of a.entries()) {
      if (!Number.isFinite(value) || !Number.isFinite(b[i]!)) return Number.NaN;
      apart = Math.max(apart, Math.abs(value - b[i]!));
      size = Math.max(size, Math.abs(value));
    }
    return 50 * apart + 1e-5 * size;
  };
}

const exact = (): number => 0;

/** Options of the compiler; `rows`: a batch of as many rows as there are. */
type Way = Partial<Omit<CompileOptions, "batch"> & { readonly batch: number | "rows" }>;

export interface Verdict {
  readonly oracle: string;
  readonly difference: string;
}

const strict = { strictFloat: true } as const;
const wasm = { target: "wasm" } as const;
const optionalSchedule = schedulePasses.filter(({ required }) => !required).map(({ name }) => name);

/** Each way of compiling that must not change a bit, or only by rounding. */
export const variants: readonly {
  readonly name: string;
  readonly base: Way;
  readonly other: Way;
  readonly isExact: boolean;
}[] = [
  { name: "no reuse", base: {}, other: { reuse: false }, isExact: true },
  { name: "naive recipes", base: {}, other: { recipes: "naive" }, isExact: true },
  { name: "a larger batch", base: {}, other: { batch: 9 }, isExact: true },
  { name: "strict floats", base: {}, other: { strictFloat: true }, isExact: false },
  {
    name: "no optional schedule pass",
    base: { strictFloat: true },
    other: {
      strictFloat: true,
      without: new Set(schedulePasses.filter(({ required }) => !required).map(({ name }) => name)),
    },
    isExact: true,
  },
  {
    name: "no optional pass",
    base: {},
    other: {
      without: new Set([...graphPasses, ...schedulePasses].filter(({ required }) => !required).map(({ name }) => name)),
    },
    isExact: false,
  },
  ...schedulePasses
    .filter(({ required, contract }) => !required && contract !== "reorder")
    .flatMap(({ name, contract }) => {
      const others = optionalSchedule.filter((other) => other !== name);
      // An exact pass changes no bit by itself. What later passes then fuse is another matter, and theirs only by rounding.
      const isExactAlone = contract === "exact";
      return [
        { name: `without ${name}`, base: strict, other: { ...strict, without: new Set([name]) }, isExact: true },
        {
          name: `${name} alone`,
          base: isExactAlone ? { without: new Set(optionalSchedule) } : strict,
          other: { ...(isExactAlone ? {} : strict), without: new Set(others) },
          isExact: true,
        },
      ];
    }),
  ...graphPasses
    .filter(({ required }) => !required)
    .map(({ name }) => ({ name: `without ${name}`, base: {}, other: { without: new Set([name]) }, isExact: false })),
  { name: "WebAssembly without reuse", base: wasm, other: { ...wasm, reuse: false }, isExact: true },
  { name: "WebAssembly with naive recipes", base: wasm, other: { ...wasm, recipes: "naive" }, isExact: false },
  { name: "WebAssembly for a larger batch", base: wasm, other: { ...wasm, batch: 9 }, isExact: false },
  { name: "WebAssembly with strict floats", base: wasm, other: { ...wasm, strictFloat: true }, isExact: false },
  ...placingPasses.map(({ name }) => ({
    name: `WebAssembly without ${name}`,
    base: wasm,
    other: { ...wasm, without: new Set([name]) },
    isExact: false,
  })),
  // Tiles and loops as they are where the batch has no row to spare.
  { name: "for these rows alone", base: {}, other: { batch: "rows" }, isExact: true },
  { name: "WebAssembly for these rows alone", base: wasm, other: { ...wasm, batch: "rows" }, isExact: false },
];

/** Runs the oracles on a model: values, gradients and whole updates against the interpreter, then some of the variants. */
export function check(
  model: RandomModel,
  rows: number,
  steps: number,
  chosen: readonly number[],
  c: Choices,
): Verdict | undefined {
  const other = respelled(model, c);
  const module = moduleOf(model);
  const truth = interpreted(module, rows, steps);
  const slack = rounding(truth, interpreted(module, rows, steps, "f32"));
  const simplified = difference(interpreted(module, rows, steps, undefined, true), truth, slack);
  if (simplified) return { oracle: "graph passes, by the interpreter", difference: simplified };
  const plain = emitted(module, rows, steps);
  const differs = difference(plain, truth, slack);
  if (differs) return { oracle: "interpreter and emitted program", difference: differs };
  const vectors = difference(emitted(module, rows, steps, wasm), truth, slack);
  if (vectors) return { oracle: "interpreter and WebAssembly", difference: vectors };
  const spelled = difference(emitted(moduleOf(other), rows, steps), truth, slack);
  if (spelled) return { oracle: "another spelling", difference: spelled };
  for (const choice of chosen) {
    const { name, base, other, isExact } = variants[choice % variants.length]!;
    const left = Object.keys(base).length === 0 ? plain : emitted(module, rows, steps, base);
    const found = difference(emitted(module, rows, steps, other), left, isExact ? exact : slack);
    if (found) return { oracle: name, difference: found };
  }
  return undefined;
}
