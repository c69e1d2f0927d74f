// Lets a trained char_gpt write, one character after the other, each drawn from what the model thinks comes next:
//
//   nnc train models/char_gpt.nn --save gpt.safetensors
//   nnc build models/char_gpt.nn -o build
//   node examples/write-text.mjs build/char_gpt.js gpt.safetensors "fn relu(x) = " --length 300 --temperature 0.6
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { loadParameters } from "./safetensors.mjs";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    length: { type: "string", default: "300" },
    temperature: { type: "string", default: "0.6" },
    seed: { type: "string", default: "0" },
  },
});
const [library, parameters, prompt = "fn "] = positionals;
if (parameters === undefined) {
  console.error("usage: node examples/write-text.mjs LIBRARY.js PARAMETERS.safetensors [PROMPT]");
  process.exit(2);
}

const { create, manifest } = await import(pathToFileURL(library).href);
const trainer = create();
loadParameters(trainer, manifest, parameters);

const window = trainer.inputs.x.length / manifest.batch;
const vocabulary = manifest.outputs[0].shape.at(-1);
const temperature = Number(values.temperature);

/** Numbers in 0..1 by mulberry32: the same text for the same seed. */
let state = Number(values.seed) >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

/** A place drawn by softmax(logits / temperature). */
function draw(logits) {
  const highest = Math.max(...logits);
  const weights = Array.from(logits, (logit) => Math.exp((logit - highest) / temperature));
  let left = random() * weights.reduce((a, b) => a + b, 0);
  const place = weights.findIndex((weight) => (left -= weight) < 0);
  return place < 0 ? weights.length - 1 : place;
}

const tokens = Array.from(new TextEncoder().encode(prompt), (byte) => Math.min(byte, vocabulary - 1));
process.stdout.write(prompt);
for (let i = 0; i < Number(values.length); i++) {
  // The model sees the last `window` characters; it is causal, so what stands behind them does not matter.
  const seen = tokens.slice(-window);
  trainer.inputs.x.fill(0, 0, window);
  trainer.inputs.x.set(seen);
  trainer.predict(1);
  const at = (seen.length - 1) * vocabulary;
  tokens.push(draw(trainer.read("out").subarray(at, at + vocabulary)));
  process.stdout.write(String.fromCharCode(tokens.at(-1)));
}
process.stdout.write("\n");
