// What compiling costs by the size of the model: time from text to emitted module, its bytes, its kernels.
import { compile } from "../src/codegen/compile.ts";
import { emitModule } from "../src/codegen/ts/emit.ts";
import { printPlain } from "../src/codegen/ts/plain.ts";
import { moduleFromText } from "./sources.ts";
import { median } from "./stats.ts";

export interface CompileRow {
  readonly name: string;
  /** Medians, in seconds; CPU counts the threads of V8's compiler and collector too. */
  readonly wall: number;
  readonly cpu: number;
  readonly bytes: number;
  readonly kernels: number;
  readonly arenaBytes: number;
}

const layers = (count: number): string => `model m(x: [N, 32]) -> [N, 32] {
  h = x
  for i in 0:${count} { h = relu(linear(h, 32)) }
  h
}
loss(out, y: [N, 32]) = mse(out, y)
train { batch = 16
  optimizer = adam(lr = 0.001) }`;

const blocks = (count: number): string => `fn block(x: [.., d]) -> [.., d] {
  h = x + attention(layer_norm(x), 4, causal = true)
  h + linear(gelu(linear(layer_norm(h), 256)), 64)
}
model m(x: i32[N, 64]) -> [N, 64, 65] {
  h = embedding(x, 65, 64)
  for i in 0:${count} { h = block(h) }
  linear(layer_norm(h), 65)
}
loss(out, target: class[N, 64] < 65) = cross_entropy(out, target)
train { batch = 16
  optimizer = adamw(lr = 0.001) }`;

export function compileCosts(quick: boolean): CompileRow[] {
  const rows: CompileRow[] = [];
  for (const count of quick ? [10, 100] : [1, 10, 100, 1000])
    rows.push(cost(`${count} linear layers, Adam`, layers(count)));
  for (const count of quick ? [2] : [2, 6, 12]) rows.push(cost(`${count} transformer blocks, AdamW`, blocks(count)));
  return rows;
}

function cost(name: string, text: string): CompileRow {
  const run = () => {
    const usage = process.cpuUsage();
    const begin = performance.now();
    const unit = compile(moduleFromText(text), { target: "ts" });
    const typescript = printPlain(emitModule(unit, true), true);
    const wall = (performance.now() - begin) / 1000;
    const { user, system } = process.cpuUsage(usage);
    return { wall, cpu: (user + system) / 1e6, unit, typescript };
  };
  const first = run();
  // A compile of seconds is measured once; short ones are first made warm.
  const times = first.wall > 2 ? [first] : Array.from({ length: 5 }, run);
  return {
    name,
    wall: median(times.map((t) => t.wall)),
    cpu: median(times.map((t) => t.cpu)),
    bytes: Buffer.byteLength(first.typescript),
    kernels: first.unit.programs.reduce((n, p) => n + p.procedures.length, 0),
    arenaBytes: first.unit.plan.bytes,
  };
}
