// Runs elaborated modules by the reference interpreter: start values, steps, evaluation.
import { differentiate } from "../../src/ir/differentiate.ts";
import { type InterpretOptions, interpret } from "../../src/ir/interpret.ts";
import type { Module } from "../../src/ir/module.ts";
import { opTable } from "../../src/ir/ops/table.ts";
import { verify } from "../../src/ir/verify.ts";
import { compile } from "./compile.ts";

export type Numbers = readonly number[];

export class Trainer {
  readonly module: Module;
  slots: Map<string, ArrayLike<number>>;
  private step = 0;
  private readonly rows: number;
  private readonly inputs: ReadonlyMap<string, ArrayLike<number>>;
  private readonly options: { readonly steps: number; readonly scalars: ReadonlyMap<string, number> };

  constructor(
    module: Module,
    inputs: Readonly<Record<string, Numbers>>,
    rows: number,
    scalars: Readonly<Record<string, number>> = {},
    steps = 10,
  ) {
    this.module = module;
    this.rows = rows;
    this.inputs = new Map(Object.entries(inputs));
    this.options = { steps, scalars: new Map(Object.entries(scalars)) };
    for (const graph of [module.init, module.step, module.evaluate, module.predict]) verify(graph, opTable);
    const { outputs } = interpret(module.init, {});
    this.slots = new Map([...outputs].map(([name, { data }]) => [name, data]));
  }

  private get run(): InterpretOptions {
    const scalars = new Map<string, number>([
      ...this.module.scalars.map(({ name, value }) => [name, value] as const),
      ["step", this.step],
      ["epoch", 0],
      ["steps", this.options.steps],
      ...this.options.scalars,
    ]);
    return { rows: this.rows, slots: this.slots, inputs: this.inputs, scalars };
  }

  /** One step; gives its outputs. */
  train(): Map<string, number[]> {
    const { outputs, updates } = interpret(differentiate(this.module.step, opTable), this.run);
    this.slots = new Map([...this.slots, ...[...updates].map(([name, { data }]) => [name, data] as const)]);
    this.step++;
    return new Map([...outputs].map(([name, { data }]) => [name, [...data]]));
  }

  evaluate(): Map<string, number[]> {
    const { outputs } = interpret(differentiate(this.module.evaluate, opTable), this.run);
    return new Map([...outputs].map(([name, { data }]) => [name, [...data]]));
  }

  read(name: string): number[] {
    const values = this.slots.get(name);
    if (!values) throw new Error(`no slot ${name} among ${[...this.slots.keys()].join(", ")}`);
    return Array.from(values);
  }
}

/** The values of `expr` over inputs declared as given, such as `{ "x: [2, 3]": [1, 2, 3, 4, 5, 6] }`. */
export function evaluate(
  expr: string,
  inputs: Readonly<Record<string, Numbers>> = { "x: [1]": [0] },
  declarations = "",
  rows = 1,
): number[] {
  const text = `${declarations}\nmodel m(${Object.keys(inputs).join(", ")}) { ${expr} }\n`;
  const module = compile(text);
  const slots = interpret(module.init, {}).outputs;
  const values = new Map(Object.entries(inputs).map(([declared, data]) => [declared.split(":")[0]!, data]));
  const run = { rows, slots: new Map([...slots].map(([name, { data }]) => [name, data])), inputs: values };
  const { outputs } = interpret(differentiate(module.predict, opTable), run);
  return [...outputs.values()].flatMap(({ data }) => [...data]);
}

export const slotNames = (text: string): string[] => compile(text).slots.map(({ name }) => name);
