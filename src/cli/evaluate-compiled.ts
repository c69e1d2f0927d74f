// One evaluation by the generated code: compiled for exactly the rows at hand, and run in this process.
import { type CompileOptions, compile } from "../codegen/compile.ts";
import { loadConstants } from "../runtime/constants.ts";
import type { TensorToWrite } from "../runtime/safetensors.ts";
import { answers, type Bound, type Evaluation, type Settings, scalarValues } from "./evaluation.ts";
import { loadLibrary } from "./in-memory.ts";

export async function evaluateCompiled(
  task: Evaluation,
  bound: Bound,
  settings: Settings,
  target: CompileOptions["target"],
): Promise<TensorToWrite[]> {
  const { manifest, create } = await loadLibrary(
    compile(task.module, { target, batch: bound.rows, maxArena: settings.maxArena }),
  );
  const trainer = create({ seed: settings.seed });
  loadConstants(trainer, manifest, settings.places);
  for (const [name, values] of bound.slots) trainer.write(name, values);
  for (const [name, values] of bound.columns) trainer.inputs[name]!.set(values);
  for (const [name, value] of scalarValues(task.module, settings)) {
    const place = trainer.index[name];
    if (place !== undefined) trainer.scalars[place] = value;
  }
  trainer[task.program](bound.rows);
  const lossAt = trainer.index["loss"]!;
  return answers(task, bound.rows, (name) => (name === "loss" ? [trainer.scalars[lossAt]!] : trainer.read(name)));
}
