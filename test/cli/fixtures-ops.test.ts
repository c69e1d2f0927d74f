// `nnc eval` against PyTorch's numbers: every reference case as a model file, on every target.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { GivenTensor } from "../../src/cli/tensor-files.ts";
import type { TensorToWrite } from "../../src/runtime/safetensors.ts";
import { fixtures, misfit, safetensors, type Tolerance, tensorsOf } from "./fixtures.ts";
import { folderWith, nnc } from "./nnc.ts";

interface Case {
  readonly op: string;
  readonly attrs: Attrs;
  readonly tol: Readonly<Record<string, Tolerance>>;
}

interface Attrs {
  readonly axis?: number | readonly number[] | "all";
  readonly keepdims?: boolean;
  readonly expr?: string;
  readonly [name: string]: unknown;
}

/** What a case is written from: its inputs by name, their shapes and its attributes. */
interface Site {
  readonly names: readonly string[];
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly attrs: Attrs;
}

/** The model's body: lines, the last of which is the result. */
type Write = (site: Site) => string;

const list = (values: unknown): string => `[${(values as readonly number[]).join(", ")}]`;
const joined =
  (sign: string): Write =>
  ({ names, attrs }) =>
    attrs.expr ?? (names.length === 1 ? `${names[0]} ${sign} ${names[0]}` : names.join(` ${sign} `));
const called =
  (name: string): Write =>
  ({ names }) =>
    `${name}(${names.join(", ")})`;

const axisText = ({ axis = "all", keepdims = false }: Attrs): string =>
  (axis === "all" ? "" : `, axis=${typeof axis === "number" ? axis : list(axis)}`) +
  (keepdims ? ", keepdims=true" : "");
const reduced =
  (name: string): Write =>
  ({ attrs }) =>
    `${name}(a${axisText(attrs)})`;
const along =
  (name: string): Write =>
  ({ attrs }) =>
    `${name}(a, axis=${attrs.axis})`;

/** A loss per element, reduced as the case says. */
const lossOf =
  (each: (site: Site) => string): Write =>
  (site) => {
    const { reduction = "none" } = site.attrs;
    return reduction === "none" ? each(site) : `${reduction}(${each(site)})`;
  };

const windowText = (attrs: Attrs, names: readonly string[]): string =>
  names
    .filter((name) => attrs[name] !== undefined)
    .map((name) => `, ${name}=${Array.isArray(attrs[name]) ? list(attrs[name]) : attrs[name]}`)
    .join("");

const pooled =
  (name: string): Write =>
  ({ attrs }) =>
    `${name}(x, ${attrs["kernel_size"]}${windowText(attrs, ["stride", "padding"])})`;

/** Formulas that the index spells in mathematics. */
const compounds = new Map<string, string>([
  ["8 times a = a*0.5 + sigmoid(a)*a", "y = a\nfor i in 0:8 { y = y * 0.5 + sigmoid(y) * y }\ny"],
  ["x + relu(x w1) w2", "x + relu(x @ w1) @ w2"],
  ["tanh(tanh(x w) w)", "tanh(tanh(x @ w) @ w)"],
  ["2*a; b unused", "2 * a"],
  ["a*stop_gradient(a)", "a * stop_gradient(a)"],
  ["-mean(sum(p*log_softmax(a), -1))", "-mean(sum(p * log_softmax(a), axis=-1))"],
]);

const ops = new Map<string, Write>([
  ["add", joined("+")],
  ["sub", joined("-")],
  ["mul", joined("*")],
  ["div", joined("/")],
  ["outer", ({ shapes }) => `reshape(a, ${list([...shapes.get("a")!, 1])}) * b`],
  ["matmul", ({ attrs }) => `a${attrs["transpose_a"] ? ".T" : ""} @ b${attrs["transpose_b"] ? ".T" : ""}`],
  ["linear", () => "x @ w.T + b"],
  ["pow", ({ attrs }) => `a ** ${attrs["exponent"]}`],
  ["maximum", called("max")],
  ["minimum", called("min")],
  ...["log", "sqrt", "tanh", "relu", "erf", "abs", "softplus", "expm1", "exp"].map((name): [string, Write] => [
    name,
    called(name),
  ]),
  ["reciprocal", () => "1 / a"],
  ["gelu_erf", called("gelu")],
  ["log_sigmoid", () => "log(sigmoid(a))"],
  ["leaky_relu", ({ attrs }) => `leaky_relu(a, slope=${attrs["slope"]})`],
  ...["sum", "mean", "max", "min", "argmax"].map((name): [string, Write] => [name, reduced(name)]),
  [
    "var",
    ({ shapes, attrs }) => {
      const axis = attrs.axis as number;
      const count = shapes.get("a")![axis]! - Number(attrs["ddof"]);
      return `d = a - mean(a, axis=${axis}, keepdims=true)\nsum(d ** 2, axis=${axis}) / ${count}`;
    },
  ],
  ["softmax", along("softmax")],
  ["log_softmax", along("log_softmax")],
  ["nll", lossOf(() => "-pick(logp, t)")],
  ["cross_entropy", (site) => compounds.get(site.attrs.expr ?? "") ?? lossOf(() => "-pick(log_softmax(a), t)")(site)],
  ["bce_with_logits", ({ attrs }) => (attrs["reduction"] === "mean" ? "bce_with_logits(a, t)" : "unknown(a)")],
  [
    "layer_norm",
    ({ attrs }) =>
      `d = x - mean(x, axis=-1, keepdims=true)\nd / sqrt(mean(d ** 2, axis=-1, keepdims=true) + ${attrs["eps"]}) * g + b`,
  ],
  [
    "conv2d",
    ({ shapes, attrs }) => {
      const bias = shapes.has("b") ? ` + reshape(b, ${list([...shapes.get("b")!, 1, 1])})` : "";
      return `conv2d(x, w${windowText(attrs, ["stride", "padding", "dilation", "groups"])})${bias}`;
    },
  ],
  ["max_pool", pooled("max_pool")],
  ["avg_pool", pooled("avg_pool")],
  ["reshape", ({ attrs }) => `reshape(a, ${list(attrs["shape"])})`],
  ["transpose", () => "a.T"],
  ["permute", ({ attrs }) => `transpose(a, ${list(attrs["perm"])})`],
  ["concat", ({ names, attrs }) => `concat(${list(names)}, axis=${attrs.axis})`],
  ["stack", ({ names, attrs }) => `stack(${list(names)}, axis=${attrs.axis})`],
  [
    "slice",
    ({ attrs }) => {
      const stop = attrs["stop"] as readonly number[];
      return `a[${(attrs["start"] as readonly number[]).map((from, axis) => `${from}:${stop[axis]}`).join(", ")}]`;
    },
  ],
  ["embedding", () => "gather(w, i)"],
  [
    "attention",
    ({ shapes, attrs }) => {
      const [time, d] = shapes.get("q")!.slice(-2);
      const scores = `scores = q @ k.T / sqrt(${d})`;
      const past = `past = reshape(iota(${time}), [${time}, 1]) >= iota(${time})`;
      return attrs["causal"]
        ? `${scores}\n${past}\nsoftmax(where(past, scores, -inf)) @ v`
        : `${scores}\nsoftmax(scores) @ v`;
    },
  ],
  ["compound", ({ attrs }) => compounds.get(attrs.expr!)!],
]);

const typeOf = ({ dtype, shape }: GivenTensor): string =>
  `${dtype === "I32" ? "i32" : dtype === "U8" ? "bool" : ""}${list(shape)}`;

/** A case as a model file. */
function modelOf(name: string, { op, attrs }: Case, tensors: ReadonlyMap<string, GivenTensor>): string {
  const inputs = [...tensors]
    .filter(([key]) => key.startsWith("in."))
    .map(([key, tensor]) => [key.slice(3), tensor] as const);
  const write = ops.get(op);
  if (!write) throw new Error(`${name}: how is ${op} written in the language?`);
  const body = write({
    names: inputs.map(([key]) => key),
    shapes: new Map(inputs.map(([key, { shape }]) => [key, shape])),
    attrs,
  });
  const cot = tensors.get("cot");
  const loss = cot ? `loss(out, cot: ${typeOf(cot)}) = sum(out * cot)\n` : "";
  return `model m(${inputs.map(([key, tensor]) => `${key}: ${typeOf(tensor)}`).join(", ")}) {\n${body}\n}\n${loss}`;
}

const inputsOf = (tensors: ReadonlyMap<string, GivenTensor>): TensorToWrite[] =>
  [...tensors].flatMap(([key, { dtype, shape, values }]): TensorToWrite[] =>
    key.startsWith("in.") || key === "cot"
      ? [{ name: key.replace(/^in\./, ""), dtype: dtype === "U8" ? "BOOL" : (dtype as "F32" | "I32"), shape, values }]
      : [],
  );

const folder = fixtures("ops");
if (!existsSync(folder)) {
  test.skip("PyTorch's numbers: no ../shared/fixtures here", () => {});
} else {
  const { cases } = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as {
    readonly cases: Readonly<Record<string, Case>>;
  };
  describe.each(["interpret", "ts", "wasm"])("nnc eval --target %s", (target) => {
    test.each(Object.keys(cases))("%s", async (name) => {
      const { tol } = cases[name]!;
      const tensors = tensorsOf(join(folder, `${name}.safetensors`));
      const model = modelOf(name, cases[name]!, tensors);
      const place = folderWith({ "m.nn": model, "in.safetensors": safetensors(inputsOf(tensors)) });
      const out = join(place, "out.safetensors");
      const words = ["--inputs", join(place, "in.safetensors"), "--out", out, "--target", target];
      const grads = tensors.has("cot") ? ["--grads"] : [];
      const { code, stderr } = await nnc(["eval", join(place, "m.nn"), ...words, ...grads]);
      expect(stderr + model, model).toBe(model);
      expect(code).toBe(0);

      const mine = tensorsOf(out);
      const wanted = [...tensors.keys()].filter((key) => /^(out|grad\.[^@#]+)$/.test(key));
      expect(wanted).toContain("out");
      for (const key of wanted) {
        expect(mine.get(key)?.shape, key).toEqual(tensors.get(key)!.shape);
        expect(mine.get(key)!.dtype, key).toBe(tensors.get(key)!.dtype);
        const atols = tensors.get(`${key}#atol`)?.values;
        // `grad.a@first` is another right answer.
        const answers = [...tensors].filter(([other]) => other === key || other.startsWith(`${key}@`));
        const misfits = answers.map(([, { values }]) => misfit(mine.get(key)!.values, values, tol[key]!, atols));
        expect(misfits.includes(undefined) ? undefined : `${key}: ${misfits[0]}`).toBeUndefined();
      }
    });
  });
}
