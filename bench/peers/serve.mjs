// A peer's side of the benchmark: reads the inputs, then answers requests, one JSON line each. Knows no framework.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** A file as a typed array of its own. */
function load(file, Type) {
  const bytes = readFileSync(file);
  return new Type(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

export function readInputs(path) {
  const inputs = JSON.parse(readFileSync(path, "utf8"));
  const types = { u8: Uint8Array, i32: Int32Array };
  const start = load(inputs.start.file, Float32Array);
  const columns = inputs.columns.map((c) => ({ ...c, values: load(c.file, types[c.dtype]) }));
  const tensors = inputs.start.tensors.map(({ name, shape, offset }) => {
    const size = shape.reduce((n, d) => n * d, 1);
    return { name, shape, values: start.subarray(offset, offset + size) };
  });
  return { ...inputs, columns, tensors };
}

/** Images as the peers keep them: byte / 255 in f32. */
export function scaled(bytes) {
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) values[i] = bytes[i] / 255;
  return values;
}

/**
 * `open(inputs, variant)` gives { version, step(batch), loss(), finish() }: `step` may leave work pending, `finish` waits for
 * it, `loss` is that of the last step, before its update.
 */
export async function serve(open) {
  const [path, variant] = process.argv.slice(2);
  const inputs = readInputs(path);
  const peer = await open(inputs, variant);
  let at = 0;
  const next = () => peer.step(at++ % inputs.batches);
  const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
  const actions = {
    async losses({ steps, seconds }) {
      const losses = [];
      const begin = performance.now();
      while (losses.length < steps && (performance.now() - begin < seconds * 1000 || losses.length < 2)) {
        await next();
        losses.push(await peer.loss());
      }
      return { losses };
    },
    async time({ steps }) {
      const cpu = process.cpuUsage();
      const wall = performance.now();
      for (let k = 0; k < steps; k++) await next();
      await peer.finish();
      const used = process.cpuUsage(cpu);
      return { wall: (performance.now() - wall) / 1000, cpu: (used.user + used.system) / 1e6 };
    },
    end: () => ({ peak: process.resourceUsage().maxRSS * 1024 }),
  };
  answer({ version: peer.version });
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    answer(await actions[request.do](request));
    if (request.do === "end") break;
  }
  process.exit(0);
}
