// What a layer with parameters w and b gives and learns, for comparisons between ways to compile it.
import { type CompileOptions, compile } from "../../src/codegen/compile.ts";
import type { Module } from "../../src/ir/module.ts";
import { loadUnit } from "./load.ts";

/** Outputs and losses of some numbers of rows, and the parameters after steps of as many. */
export async function results(module: Module, rows: readonly number[], options: CompileOptions): Promise<number[]> {
  const trainer = (await loadUnit(compile(module, options))).create({ seed: 4 });
  for (const [i, column] of Object.values(trainer.inputs).entries())
    for (let k = 0; k < column.length; k++) column[k] = Math.sin((k + i) * 12.9898) * Math.cos(k * 0.731 + i);
  return rows.flatMap((n) => {
    trainer.predict(n);
    const out = [...trainer.read("out")];
    const losses = [trainer.evaluate, trainer.step].map((run) => {
      run(n);
      return trainer.scalars[trainer.index["loss"]!]!;
    });
    return [...out, ...losses, ...trainer.read("w"), ...trainer.read("b")];
  });
}
