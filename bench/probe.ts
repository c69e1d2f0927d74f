// What two threads can gain on this machine at this moment at most: how much two independent processes do beside one alone.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { assemble } from "../src/codegen/wat/assemble.ts";
import { multiplyAdds } from "../src/inspect/multiply-adds.ts";
import { median } from "./stats.ts";

/** Below this the machine has something else to do, or no second core, and a time on two threads says nothing. */
export const quietEnough = 1.9;

const milliseconds = 150;

/**
 * Counts from the moment that it is told on, and prints how far it came. What it counts is what kernels do: two threads of one core
 * share what multiplies and adds vectors, and would do twice as much of anything else.
 */
const busyProgram = (): string => {
  const bytes = Buffer.from(assemble(multiplyAdds("v128").text)).toString("base64");
  return `
const { run } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from("${bytes}", "base64"))).exports;
for (const warm = Date.now() + ${milliseconds}; Date.now() < warm; ) run(20);
console.log("ready");
process.stdin.once("data", (text) => {
  const begin = Number(text);
  while (Date.now() < begin);
  let count = 0;
  do run(20);
  while (++count && Date.now() < begin + ${milliseconds});
  console.log(count);
  process.exit();
});`;
};

/** The work of two processes at once by that of one alone: 2 at best. The median of a few tries. */
export async function probe(tries = 5): Promise<number> {
  const busy = busyProgram();
  const gains: number[] = [];
  for (let k = 0; k < tries; k++) {
    const [alone] = await counts(busy, 1);
    const [one, two] = await counts(busy, 2);
    gains.push((one! + two!) / alone!);
  }
  return median(gains);
}

/** How far so many processes come that begin at once. */
async function counts(busy: string, processes: number): Promise<number[]> {
  const started = Array.from({ length: processes }, () => {
    const child = spawn(process.execPath, ["-e", busy], { stdio: ["pipe", "pipe", "inherit"] });
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  const lines = () => Promise.all(started.map(async ({ lines }) => (await lines.next()).value as string));
  await lines();
  const begin = Date.now() + 10;
  for (const { child } of started) child.stdin.write(String(begin));
  return (await lines()).map(Number);
}
