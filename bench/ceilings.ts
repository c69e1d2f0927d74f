// What this core can do at most from WebAssembly: multiply-adds per second, scalar and on 128-bit vectors.
import { assemble } from "../src/codegen/wat/assemble.ts";
import { instantiate, multiplyAdds } from "../src/inspect/multiply-adds.ts";

export interface Ceilings {
  /** Multiply-adds count two: operations per second. */
  readonly scalar: number;
  readonly simd: number;
}

const rounds = 200;

export async function ceilings(
  seconds: number,
  timed: (work: () => void, seconds: number) => number,
): Promise<Ceilings> {
  const peak = async (type: "f32" | "v128"): Promise<number> => {
    const { text, operations } = multiplyAdds(type);
    const run = instantiate(await assemble(text));
    return (operations * rounds) / timed(() => run(rounds), seconds);
  };
  return { scalar: await peak("f32"), simd: await peak("v128") };
}
