// A million steps of a small model: memory after each tenth of them, and whether it grew. `npm run long-run [-- STEPS]`.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { sizeText } from "../src/base/size-text.ts";
import { loadLibrary } from "../src/cli/in-memory.ts";
import { compile } from "../src/codegen/compile.ts";
import { elaborate } from "../src/dsl/elaborate.ts";
import { parse } from "../src/dsl/parse.ts";

const steps = Number(process.argv[2] ?? 1_000_000);
const text = `model net(x: [N, 8]) { linear(x, 8) |> tanh |> linear(1) }
loss(out, y: [N, 1]) = mse(out, y)
train { batch = 8; optimizer = adam(lr = 1e-3) }
`;
const { module } = elaborate(parse({ path: "net.nn", text }).file);
const { create } = await loadLibrary(compile(module!, { target: "ts" }));
const trainer = create({ seed: 1 });
const { x, y } = trainer.inputs as { x: Float32Array; y: Float32Array };

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function measure(): { readonly heap: number; readonly rss: number } {
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed, rss };
}

const tenth = steps / 10;
const rows: { step: number; heap: number; rss: number; loss: number }[] = [];
const begin = performance.now();
for (let step = 0; step < steps; step++) {
  for (let i = 0; i < x.length; i++) x[i] = ((step * 31 + i * 17) % 97) / 97;
  for (let i = 0; i < y.length; i++) y[i] = x[i * 8]! - x[i * 8 + 1]!;
  trainer.step(8);
  if ((step + 1) % tenth === 0)
    rows.push({ step: step + 1, ...measure(), loss: trainer.scalars[trainer.index["loss"]!]! });
}
const seconds = (performance.now() - begin) / 1000;
for (const { step, heap, rss, loss } of rows) {
  console.log(
    `${String(step).padStart(9)} steps  heap ${sizeText(heap)}  rss ${sizeText(rss)}  loss ${loss.toExponential(3)}`,
  );
}
// The first tenth warms up.
const growth = rows.at(-1)!.heap - rows[1]!.heap;
console.log(`${Math.round(steps / seconds)} steps/s; the heap grew by ${growth} bytes over the last eight tenths`);
process.exitCode = growth < 64 * 1024 && rows.every(({ loss }) => Number.isFinite(loss)) ? 0 : 1;
