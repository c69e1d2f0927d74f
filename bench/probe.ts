// What two threads can gain on this machine at this moment at most: how much two independent processes do beside one alone.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { median } from "./stats.ts";

/** Below this the machine has something else to do, or no second core, and a time on two threads says nothing. */
export const quietEnough = 1.9;

const milliseconds = 150;

/** Counts from the moment that it is told on, and prints how far it came. */
const busy = `
console.log("ready");
process.stdin.once("data", (text) => {
  const begin = Number(text);
  while (Date.now() < begin);
  let count = 0;
  let x = 1;
  do for (let k = 0; k < 10000; k++) x = Math.imul(x, 1664525) + 1013904223;
  while (++count && Date.now() < begin + ${milliseconds});
  console.log(count);
  process.exit();
});`;

/** The work of two processes at once by that of one alone: 2 at best. The median of a few tries. */
export async function probe(): Promise<number> {
  const tries: number[] = [];
  for (let k = 0; k < 5; k++) {
    const [alone] = await counts(1);
    const [one, two] = await counts(2);
    tries.push((one! + two!) / alone!);
  }
  return median(tries);
}

/** How far so many processes come that begin at once. */
async function counts(processes: number): Promise<number[]> {
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
