// Many mistakes in one file, mistakes deep in calls, and hostile files: each mistake told once, at its place.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { positionAt, textOf } from "../../src/base/span.ts";
import { check, codes } from "./compile.ts";

/** A line with its mistake: the code it must give and the text it must stand at. */
const mistakes: readonly (readonly [line: string, code: string, at: string])[] = [
  ["  a1 = linear(x, widht)", "name/unknown", "widht"],
  ["  a2 = rellu(x)", "name/unknown", "rellu"],
  ["  a3 = x @ tall", "shape/matmul", "x @ tall"],
  ["  a4 = softmax(x, dim=-1)", "type/unknown-argument", "dim"],
  ["  a5 = sum(x, 1)", "type/too-many-arguments", "1"],
  ["  a6 = linear(x)", "type/missing-argument", "linear(x)"],
  ["  a7 = x + tensor([1, 2, 3])", "shape/broadcast", "x + tensor([1, 2, 3])"],
  ["  a8 = reshape(x, [N, 3])", "shape/reshape", "reshape(x, [N, 3])"],
  ["  a9 = x[:, 9]", "shape/index", "9"],
  ["  b1 = x[0]", "shape/index-rows", "0"],
  ["  b2 = max(x, axis=2)", "shape/axis", "2"],
  ["  b3 = concat([x, x.T], axis=1)", "shape/concat", "concat([x, x.T], axis=1)"],
  ["  b4 = relu(argmax(x, axis=1) > 1 and x)", "type/truth", "x"],
  ["  b5, b6 = split(x, 4)", "type/unpack", "split(x, 4)"],
  ["  b7 = count(x)", "type/not-callable", "count"],
  ["  b8 = x * [1, 2, 3, 4]", "type/operator", "[1, 2, 3, 4]"],
  ["  count <- count + 1", "name/no-state", "count"],
  ["  x = relu(x)", "name/bound-twice", "x"],
  ["  param w9: [N, 4] = 0", "shape/rows-in-slot", "[N, 4]"],
  ["  b9 = gate(x, x[:, 0:2])", "shape/argument", "x[:, 0:2]"],
  ["  c1 = grad(x, x)", "type/grad-scalar", "x"],
  ["  c2 = x ** y", "name/unknown", "y"],
  ["  c3 = iota(2.5)", "shape/size", "2.5"],
  ["  c4 = if x then x else -x", "type/truth", "x"],
];

describe("a file of mistakes", () => {
  const head =
    "fn gate(a: [.., n], b: [.., n]) = a * sigmoid(b)\n\nmodel net(x: [N, 4]) {\n  param tall: [5, 4] = 0\n  count = 3\n";
  const filler = (i: number): string =>
    Array.from({ length: 6 }, (_, k) => `  fine_${i}_${k} = relu(x) * ${k}\n`).join("");
  const text = `${head}${mistakes.map(([line], i) => `${filler(i)}${line}\n`).join("")}  x\n}\nloss(out, y: [N, 4]) = mse(out, y)\n`;
  const { diagnostics } = check(text);

  it("gives each its diagnostic, once, and no others", () => {
    expect(text.split("\n").length).toBeGreaterThan(170);
    const found = diagnostics.map(
      ({ code, span }) => `${positionAt(span!.source, span!.start).line} ${code} ${textOf(span!)}`,
    );
    const lines = text.split("\n");
    const wanted = mistakes.map(([line, code, at]) => `${lines.indexOf(line) + 1} ${code} ${at}`);
    expect(found.sort()).toEqual(wanted.sort());
  });

  it("says what to do in every one", () => {
    for (const { help, message } of diagnostics) {
      expect(help, message).toBeTruthy();
      expect(message.length).toBeLessThan(300);
    }
  });
});

describe("a mistake inside calls", () => {
  it("shows the chain of calls and where sizes come from", () => {
    const { diagnostics } = check(`fn project(h, w) = h @ w
fn layer(h) {
  param w: [5, 8] = randn()
  project(h, w)
}
fn network(x) = relu(layer(x))

model net(x: [N, 4]) { network(x) }
`);
    expect(diagnostics).toHaveLength(1);
    const [{ code, message, notes, span }] = diagnostics as [(typeof diagnostics)[number]];
    expect(code).toBe("shape/matmul");
    expect(message).toContain("4 columns by 5 rows");
    expect(textOf(span!)).toBe("h @ w");
    const told = notes.map((note) => `${note.message} | ${note.span ? textOf(note.span) : ""}`);
    expect(told).toContain("in project, called here | project(h, w)");
    expect(told).toContain("in layer, called here | layer(x)");
    expect(told).toContain("in network, called here | network(x)");
    expect(told.some((line) => line.includes("`x`") && line.includes("[N, 4]"))).toBe(true);
    expect(told.some((line) => line.includes("w") && line.includes("[5, 8]") && line.includes("param w"))).toBe(true);
  });

  it("in the library is shown where the user called it", () => {
    const { diagnostics } = check(
      "model net(x: [N, 4]) -> [N, 2] {\n  h = linear(x, 4)\n  scaled_attention(h, h, h[:, 0:2], 1)\n}\n",
    );
    expect(diagnostics.map(({ code }) => code)).toEqual(["type/truth"]);
    expect(diagnostics[0]!.span!.source.path).toBe("test.nn");
    expect(textOf(diagnostics[0]!.span!)).toContain("scaled_attention(");
  });

  it("is told once, however often the function is called", () => {
    expect(
      codes(
        "fn bad(x) = x @ tensor([1, 2, 3])\nmodel net(x: [N, 4]) { bad(x) + bad(2 * x) + bad(x) }\nloss(out) = mean(out)\n",
      ),
    ).toEqual(["shape/matmul"]);
  });
});

describe("hostile files", () => {
  const safely = (text: string): string[] => codes(text);
  it("of long chains, wide sums and deep calls neither overflow nor hang", () => {
    expect(safely(`model m(x: []) { x${" + x".repeat(40_000)} }\n`)).toEqual([]);
    expect(safely(`model m(x: []) { x${" + x".repeat(60_000)} }\n`)).toEqual(["limit/nodes"]);
    expect(safely(`model m(x: []) { x${" |> relu".repeat(20_000)} }\n`)).toEqual([]);
    const chain = Array.from({ length: 5000 }, (_, i) => `fn f${i}(x) = ${i === 0 ? "x" : `f${i - 1}(x)`}\n`).join("");
    expect(safely(`${chain}model m(x: []) { f50(x) }\n`)).toEqual([]);
    expect(safely(`${chain}model m(x: []) { f4999(x) }\n`)).toEqual(["limit/calls"]);
    expect(safely(`${chain}fn loop(x) = loop(f4999(x))\nmodel m(x: []) { loop(x) }\n`)).toEqual(["name/recursion"]);
    const nested = Array.from({ length: 90 }, (_, i) => {
      const inner = i === 0 ? "x" : `f${i - 1}(x)`;
      return `fn f${i}(x) = ${"(-".repeat(30)}${inner}${")".repeat(30)}\n`;
    }).join("");
    expect(safely(`${nested}model m(x: []) { f89(x) }\n`)).toEqual(["limit/nesting"]);
    expect(safely("model m(x: []) {\n  xs = []\n  for i in 0:1000 { xs = [xs] }\n  x\n}\n")).toEqual(["limit/nesting"]);
    expect(safely("model m(x: []) {\n  for i in 0:1000000000000 { y = x }\n  x\n}\n")).toEqual(["limit/rounds"]);
    expect(safely("model m(x: []) { x * len([0:1e15]) }\n")).toEqual(["limit/rounds"]);
    expect(safely("model m(x: []) {\n  param w: [1e9, 1e9] = 0\n  x\n}\n")).toEqual(["limit/size"]);
    expect(safely("fn d(f, x) = f(f, x)\nmodel m(x: []) { d(d, x) }\n")).toEqual(["limit/calls"]);
    const diamonds = Array.from({ length: 200 }, (_, i) => `  a${i + 1} = a${i} * 0.5 + a${i}\n`).join("");
    expect(safely(`model m(a0: []) {\n${diamonds}  a200\n}\nloss(out) = out\n`)).toEqual([]);
  });

  it("with names that JavaScript knows compile", () => {
    for (const name of ["__proto__", "constructor", "toString", "await", "eval", "hasOwnProperty", "arguments"]) {
      const text = `dim ${name} = 2\nfn f(x, ${name} = 3) = x * ${name}\nmodel m(x: [${name}]) {\n  f(x, ${name} = 4)\n}\nloss(out) = sum(out)\n`;
      expect(safely(text), name).toEqual([]);
    }
  });

  it("never throw: random cuts and swaps of a real file give diagnostics", () => {
    const text = `dim width = 8
hyper beta = 1.0
block = mlp(_, [width, 4])
fn gate(a: [.., n], b: [.., n], k = 2 * n) -> [.., n] {
  param w: [n, n] = randn() / sqrt(n)
  state seen: [n] = 0
  seen <- seen + 1
  h = a
  for i in 0:2 { h = h @ w }
  if training then h * sigmoid(b) + seen else h
}
optimizer mine(p, g, lr = 0.1, inner) {
  state v: shape(p) = 0
  v <- 0.9 * v + g
  p <- inner(p, g / sqrt(total(sum(v ** 2)) + 1))
}
model net(x: [N, 4], k: class[N] < 3) -> (out: [N, 4], aux: [N]) {
  h = block(x) |> gate(x)
  e = sum(h ** 2)
  (h + grad(e, h), pick(h, k) * beta)
}
loss(out, aux, y: [N, 4]) = mse(out, y) + mean(aux)
metric l1(out, y)
train {
  batch = 4
  optimizer = mine(0.1, adamw(_, _, lr = cosine(1e-3)))
  freeze = ["block.linear_0.*"]
}
`;
    expect(codes(text)).toEqual([]);
    const words = text.split(/(\b|\s+)/).filter((word) => word !== "");
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.nat(words.length - 1), fc.nat(words.length - 1), fc.constantFrom("swap", "drop", "copy")),
          {
            minLength: 1,
            maxLength: 4,
          },
        ),
        (edits) => {
          const changed = [...words];
          for (const [i, j, kind] of edits) {
            if (kind === "drop") changed[i] = "";
            else if (kind === "copy") changed[i] = changed[j]!;
            else [changed[i], changed[j]] = [changed[j]!, changed[i]!];
          }
          for (const { span, message, help } of check(changed.join("")).diagnostics) {
            expect(message).not.toContain("undefined");
            expect(message).not.toContain("a mistake");
            expect(help ?? "").not.toContain("undefined");
            expect(span).toBeDefined();
          }
        },
      ),
      { seed: 1, numRuns: 1500 },
    );
  });
});

describe("one mistake", () => {
  it("inside a library call leaves no second one behind", () => {
    expect(codes("model m(x: [N, 10]) { attention(x, 3) }\n")).toEqual(["shape/size"]);
    expect(codes("model m(x: [N, 10]) { scaled_attention(x, x, undefined_name) |> from_heads }\n")).toEqual([
      "name/unknown",
    ]);
    expect(codes("fn f(x: [.., n], k) = reshape(x, [.., n]) * k\nmodel m(x: [N, 10]) { f(k = 2) }\n")).toEqual([
      "type/missing-argument",
    ]);
  });

  it("of words that the parser dropped is not told again", () => {
    for (const text of ["model m(x: [N, 4]) { x + }\n", "model m(x: [N, 4]) {\n  h = relu(x\n  h\n}\n"]) {
      const found = codes(text);
      expect(found.length, text).toBe(1);
      expect(found[0]).toMatch(/^syntax\//);
    }
  });

  it.each([
    ["h: [N, 4] = x\n  h", "syntax/expected"],
    ["let h = x\n  h", "syntax/foreign-word"],
    ["fn g(x) = x\n  g(x)", "syntax/local-function"],
    ["while x > 0 { x }", "syntax/foreign-word"],
    ["return x", "syntax/foreign-word"],
    ["grad(sum(x ** 2), 2 * x)", "type/grad-target"],
    ["a, b = grad(sum(x ** 2), [x, 2 * x])\n  a", "type/grad-target"],
  ])("in a statement that binds or ends a block is not told again: %s", (statements, code) => {
    expect(codes(`model m(x: [N, 4]) {\n  ${statements}\n}\n`)).toEqual([code]);
  });

  it("is not seen where there is none: sizes with the name of a function, targets by name", () => {
    expect(codes("fn f(a: [m, n]) = a * n\nmodel m(x: [N, 4]) { f(x) }\n")).toEqual([]);
    expect(codes("model m(x: [N, 4]) { (grad(v = x, e = sum(x ** 2)) + grad(sum(x), (x))) |> relu }\n")).toEqual([]);
  });
});
