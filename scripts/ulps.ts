// `npm run ulps [-- --stride N]`: the largest error of each function of the WebAssembly target, over every N-th of all
// 2^32 patterns of bits (1: all of them, minutes per function), and its time per element.
import { parseArgs } from "node:util";
import { loadMath, truths, worstOf } from "../test/codegen/ulps.ts";

const { values } = parseArgs({ options: { stride: { type: "string", default: "1021" } } });
const stride = Number(values.stride);
const apply = await loadMath();

/** Nanoseconds per element, the best of some rounds: of usual arguments. */
function time(name: string): number {
  const xs = Float32Array.from({ length: 1 << 14 }, (_, k) => (k + 1) / 2048);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 200; round++) {
    const begin = performance.now();
    apply(name, xs);
    best = Math.min(best, performance.now() - begin);
  }
  return (best * 1e6) / xs.length;
}

console.log("function   ulps   at                      ns");
for (const name of truths.keys()) {
  const { error, at } = worstOf(apply, name, stride);
  console.log(`${name.padEnd(9)} ${error.toFixed(3).padStart(6)}   ${String(at).padEnd(22)} ${time(name).toFixed(1)}`);
}
