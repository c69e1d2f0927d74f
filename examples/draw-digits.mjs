// Digits from noise, drawn on the terminal by the `sample` model of a trained vae or wgan_gp:
//
//   nnc train models/vae.nn --save vae.safetensors
//   nnc build models/vae.nn -o build
//   node examples/draw-digits.mjs build/vae.js vae.safetensors 6
import { pathToFileURL } from "node:url";
import { loadParameters } from "./safetensors.mjs";

const [library, parameters, count = "6"] = process.argv.slice(2);
if (parameters === undefined) {
  console.error("usage: node examples/draw-digits.mjs LIBRARY.js PARAMETERS.safetensors [COUNT]");
  process.exit(2);
}

const { create, manifest } = await import(pathToFileURL(library).href);
const trainer = create();
loadParameters(trainer, manifest, parameters);

const rows = Math.min(Number(count), manifest.batch);
const z = trainer.inputs["sample.z"];
for (let i = 0; i < z.length; i++) {
  // Box and Muller: two uniform numbers make a normal one.
  z[i] = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}
trainer.sample(rows);
const pixels = trainer.read("sample.out");

const side = 28;
const shades = " .:-=+*#%@";
/** Two rows of pixels make one of the terminal, whose letters are about twice as high as wide. */
const shade = (image, y, x) => {
  const at = image * side * side + y * side + x;
  return shades[Math.min(shades.length - 1, Math.floor(((pixels[at] + pixels[at + side]) / 2) * shades.length))];
};
for (let y = 0; y < side; y += 2) {
  const line = Array.from({ length: rows }, (_, image) =>
    Array.from({ length: side }, (_, x) => shade(image, y, x)).join(""),
  );
  console.log(line.join(" "));
}
