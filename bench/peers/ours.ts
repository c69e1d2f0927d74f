// nnc as a peer: compiles the workload's model in memory and steps it directly.
import { nodeIo } from "../../src/runtime/node-io.ts";
import { startWorkers } from "../../src/runtime/threads.ts";
import { findTarget, libraryFor } from "../targets.ts";
import { workloads } from "../workloads.ts";
import { serve } from "./serve.mjs";

await serve(async (inputs, variant) => {
  const workload = workloads.find((w) => w.name === inputs.workload)!;
  const target = findTarget(variant ?? "");
  const library = await libraryFor(workload, target);
  const trainer = library.create();
  const io = nodeIo();
  const failed = (error: Error): never => {
    throw error;
  };
  startWorkers(library, trainer, target.threads ?? 1, io, failed);
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
