// What two threads can gain on this machine at this moment at most: how much two independent processes do beside one alone.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { median } from "./stats.ts";

/** Below this the machine has something else to do, or no second core, and a time on two threads says nothing. */
export const quietEnough = 1.9;

/** Counts for so many milliseconds from a moment on, and prints how far it came. */
const busy = `
const [begin, span] = process.argv.slice(1).map(Number);
while (Date.now() < begin);
let count = 0;
for (let x = 1; Date.now() < begin + span; count++) for (let k = 0; k < 10000; k++) x = Math.imul(x, 1664525) + 1013904223;
console.log(count);`;

/** Long enough for Node to start. */
const startMilliseconds = 150;
const spanMilliseconds = 150;

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

async function counts(processes: number): Promise<number[]> {
  const begin = Date.now() + startMilliseconds;
  const started = Array.from({ length: processes }, async () => {
    const child = spawn(process.execPath, ["-e", busy, String(begin), String(spanMilliseconds)]);
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    await once(child, "close");
    return Number(text);
  });
  return Promise.all(started);
}
