// What this core can do at most from WebAssembly: multiply-adds per second, scalar and on 128-bit vectors.
import { assemble } from "../src/codegen/wat/assemble.ts";
import { instantiate, multiplyAdds } from "../src/inspect/multiply-adds.ts";

export interface Ceilings {
  /** Multiply-adds count two: operations per second. */
  readonly scalar: number;
  readonly simd: number;
}

const rounds = 200;

export function ceilings(seconds: number, timed: (work: () => void, seconds: number) => number): Ceilings {
  const peak = (type: "f32" | "v128"): number => {
    const { text, operations } = multiplyAdds(type);
    const run = instantiate(assemble(text));
    return (operations * rounds) / timed(() => run(rounds), seconds);
  };
  return { scalar: peak("f32"), simd: peak("v128") };
}
