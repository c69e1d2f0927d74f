// nnc as a peer: compiles the workload's model in memory and steps it directly.
import { findTarget, libraryFor } from "../targets.ts";
import { workloads } from "../workloads.ts";
import { serve } from "./serve.mjs";

await serve(async (inputs, variant) => {
  const workload = workloads.find((w) => w.name === inputs.workload)!;
  const library = await libraryFor(workload, findTarget(variant ?? ""));
  const trainer = library.create();
  for (const { name, values } of inputs.tensors) trainer.write(name, values);
  const { scalars, index } = trainer;
  const { rows } = inputs;
  const loss = index["loss"]!;
  const step = index["step"];
  let steps = 0;
  const columns = inputs.columns.map(({ name, size, values }) => ({
    into: trainer.inputs[name]!,
    size: size * rows,
    values,
  }));
  return {
    version: `this tree, Node ${process.version}`,
    step(batch) {
      for (const { into, size, values } of columns) into.set(values.subarray(batch * size, (batch + 1) * size));
      if (step !== undefined) scalars[step] = steps++;
      trainer.step(rows);
    },
    loss: () => scalars[loss]!,
    finish: () => {},
  };
});
