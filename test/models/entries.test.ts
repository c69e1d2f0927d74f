// Further models of a file: inputs and results of their own, also where these are called like the trained model's, and
// the parameters that it trained.
import { expect, it } from "vitest";
import { compile as compileModule } from "../../src/codegen/compile.ts";
import { loadUnit } from "../codegen/load.ts";
import { compile } from "../dsl/compile.ts";

const text = `
encode = linear(_, 2)
decode = linear(_, 3)
model autoencoder(x: [N, 3]) -> [N, 3] { decode(encode(x)) }
model encoder(x: [N, 3]) -> [N, 2] { encode(x) }
model decoder(x: [N, 2]) -> [N, 3] { decode(x) }
loss(out, x) = mse(out, x)
train { batch = 4; optimizer = sgd(lr = 0.1) }
`;

type Caller = { readonly encoder: (rows: number) => void; readonly decoder: (rows: number) => void };

it("each entry reads and writes its own buffers", async () => {
  const library = await loadUnit(compileModule(compile(text), { target: "ts" }));
  const trainer = library.create({ seed: 1 });
  const entries = trainer as unknown as Caller;
  const x = [0.5, -1, 2, 3, 0.25, -0.75];
  trainer.inputs["x"]!.set(x);
  trainer.step(2);
  trainer.predict(2);
  const whole = [...trainer.read("out")];

  // What the trained model holds must not change, whatever the entries are given.
  trainer.inputs["encoder.x"]!.set(x);
  entries.encoder(2);
  const code = trainer.read("encoder.out");
  expect(code.length).toBe(4);
  trainer.inputs["decoder.x"]!.set(code);
  entries.decoder(2);
  for (const [i, value] of trainer.read("decoder.out").entries()) expect(value).toBeCloseTo(whole[i]!, 5);
  trainer.inputs["decoder.x"]!.fill(9);
  entries.decoder(4);
  expect(trainer.read("decoder.out").length).toBe(12);
  expect([...trainer.inputs["x"]!.subarray(0, 6)]).toEqual(x);
  trainer.predict(2);
  expect([...trainer.read("out")]).toEqual(whole);

  expect(library.manifest.entries).toEqual([
    {
      name: "encoder",
      inputs: [{ name: "encoder.x", dtype: "f32", shape: [{ perRow: 1 }, 3], role: "input" }],
      outputs: [{ name: "encoder.out", dtype: "f32", shape: [{ perRow: 1 }, 2] }],
    },
    {
      name: "decoder",
      inputs: [{ name: "decoder.x", dtype: "f32", shape: [{ perRow: 1 }, 2], role: "input" }],
      outputs: [{ name: "decoder.out", dtype: "f32", shape: [{ perRow: 1 }, 3] }],
    },
  ]);
});
