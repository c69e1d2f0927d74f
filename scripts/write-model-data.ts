// Writes the small files that models of `models/` train on: tables made by formulas, and a text of this project's own.
// `node scripts/run.mjs scripts/write-model-data.ts`. The files are committed: the text is a snapshot, not kept in step.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Integers } from "../src/runtime/integers.ts";

const folder = "models/data";

const xor = (): string => "a,b,a xor b\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n";

/** A thrown ball under gravity and a drag of `drag` v^2: where it lands and how high it was, by small steps of time. */
function flight(speed: number, degrees: number, drag: number): { readonly range: number; readonly height: number } {
  const dt = 1e-3;
  const angle = (degrees * Math.PI) / 180;
  let [x, y, vx, vy, height] = [0, 0, speed * Math.cos(angle), speed * Math.sin(angle), 0];
  while (y >= 0) {
    const v = Math.hypot(vx, vy);
    vx -= drag * v * vx * dt;
    vy -= (9.81 + drag * v * vy) * dt;
    x += vx * dt;
    y += vy * dt;
    height = Math.max(height, y);
  }
  return { range: x, height };
}

function projectile(rows: number): string {
  const numbers = new Integers(1, 0);
  const lines = Array.from({ length: rows }, () => {
    const [speed, angle, drag] = [numbers.between(5, 45), numbers.between(10, 80), numbers.between(0, 0.04)];
    const { range, height } = flight(speed, angle, drag);
    return [speed.toFixed(2), angle.toFixed(2), drag.toFixed(5), range.toFixed(3), height.toFixed(3)].join();
  });
  return `speed,angle,drag,range,height\n${lines.join("\n")}\n`;
}

/** The library of the language and the project's pages, as ASCII. */
function text(): string {
  const filesIn = (at: string, ending: string) =>
    readdirSync(at)
      .filter((name) => name.endsWith(ending))
      .sort()
      .map((name) => `${at}/${name}`);
  const files = [...filesIn("src/dsl/std", ".nn"), ...filesIn("docs", ".md")];
  return files.map((file) => readFileSync(file, "utf8").replace(/[^\n\x20-\x7e]/g, "")).join("\n");
}

mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}/xor.csv`, xor());
writeFileSync(`${folder}/projectile.csv`, projectile(2000));
writeFileSync(`${folder}/nnc.txt`, text());
