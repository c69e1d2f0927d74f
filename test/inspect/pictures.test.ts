// Pictures of graphs: they say what the graph says, in every format; folding keeps what it must; hostile names stay names.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bitmapUri } from "../../src/inspect/bitmap.ts";
import { diffTexts } from "../../src/inspect/diff.ts";
import { fold, foldableCalls } from "../../src/inspect/fold.ts";
import { foldLines } from "../../src/inspect/fold-lines.ts";
import { dotText, mermaidText } from "../../src/inspect/formats.ts";
import type { GraphView, ViewNode } from "../../src/inspect/graph-view.ts";
import { layOut } from "../../src/inspect/layout.ts";
import { svgText } from "../../src/inspect/svg.ts";
import { mathml } from "../../src/page/mathml.ts";
import { sparkline } from "../../src/runtime/report.ts";
import { nnc } from "../cli/nnc.ts";

const logistic = "models/mnist_logistic.nn";

const box = (id: string, more: Partial<ViewNode> = {}): ViewNode => ({
  id,
  name: id,
  text: "f(x)",
  op: "add",
  type: "[N, 3]",
  side: "forward",
  kind: "value",
  place: "m.nn:1",
  origins: [],
  path: [],
  size: 1,
  ...more,
});

/** A graph without cycles whose nodes lie in nested calls. */
const views: fc.Arbitrary<GraphView> = fc
  .array(
    fc.record({
      path: fc.array(fc.constantFrom("a", "b"), { maxLength: 2 }),
      reads: fc.array(fc.nat(), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 24 },
  )
  .map((list) => ({
    nodes: list.map(({ path }, k) => box(`n${k}`, { path })),
    edges: list.flatMap(({ reads }, k) =>
      k === 0
        ? []
        : [...new Set(reads.map((read) => read % k))].map((from) => ({
            from: `n${from}`,
            to: `n${k}`,
            type: "[N, 3]",
          })),
    ),
  }));

/** Nodes in an order in which each follows what it reads; undefined where there is none. */
function topological({ nodes, edges }: GraphView): string[] | undefined {
  const left = new Map(nodes.map(({ id }) => [id, edges.filter(({ to }) => to === id).length]));
  const ready = [...left].filter(([, count]) => count === 0).map(([id]) => id);
  for (const id of ready) {
    for (const { to } of edges.filter(({ from }) => from === id)) {
      left.set(to, left.get(to)! - 1);
      if (left.get(to) === 0) ready.push(to);
    }
  }
  return ready.length === nodes.length ? ready : undefined;
}

describe("folding", () => {
  test("keeps graphs free of cycles, loses no node and no way between nodes", () => {
    fc.assert(
      fc.property(views, fc.nat(), (view, choice) => {
        const calls = [...foldableCalls(view).keys()];
        const chosen = new Set(calls.filter((_, k) => (choice >> (k % 30)) & 1));
        const folded = fold(view, chosen);
        expect(topological(folded)).toBeDefined();
        expect(folded.nodes.reduce((sum, { size }) => sum + size, 0)).toBe(view.nodes.length);
        const ids = new Set(folded.nodes.map(({ id }) => id));
        for (const { from, to } of folded.edges) expect(ids.has(from) && ids.has(to) && from !== to).toBe(true);
        // Nodes that stay apart and were joined still are.
        for (const { from, to } of view.edges) {
          if (ids.has(from) && ids.has(to))
            expect(folded.edges.some((edge) => edge.from === from && edge.to === to)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a call of two nodes is one box that says so", () => {
    const view = {
      nodes: [box("x", { kind: "input" }), box("p", { path: ["f"] }), box("q", { path: ["f"] })],
      edges: [
        { from: "x", to: "p", type: "" },
        { from: "p", to: "q", type: "" },
      ],
    };
    const { nodes, edges } = fold(view, new Set(["forward:f"]));
    expect(nodes.map(({ name, text }) => [name, text])).toEqual([
      ["x", "f(x)"],
      ["f", "2 operations"],
    ]);
    expect(edges).toHaveLength(1);
  });
});

describe("folding by lines", () => {
  const atLines = (view: GraphView, lines: readonly number[]): GraphView => ({
    ...view,
    nodes: view.nodes.map((node, k) => ({ ...node, place: `m.nn:${lines[k % lines.length]}` })),
  });

  test("has no cycle, loses no node, joins what was joined, and keeps lines apart that do not feed each other", () => {
    const lines = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 24 });
    fc.assert(
      fc.property(views, lines, (plain, places) => {
        const view = atLines(plain, places);
        const folded = foldLines(view);
        expect(topological(folded)).toBeDefined();
        expect(folded.nodes.reduce((sum, { size }) => sum + size, 0)).toBe(view.nodes.length);
        // Boxes are as many as lines that cannot reach one another both ways.
        const reach = reachOf(view);
        const together = (a: string, b: string): boolean => a === b || (reach(a).has(b) && reach(b).has(a));
        const kinds = [...new Set(view.nodes.map(({ place }) => place))];
        const boxes = kinds.filter((place, k) => !kinds.slice(0, k).some((before) => together(before, place)));
        expect(folded.nodes.length).toBe(boxes.length);
      }),
      { numRuns: 300 },
    );
  });

  /** Lines that lines lead to, by following edges until nothing is new. */
  function reachOf(view: GraphView): (line: string) => ReadonlySet<string> {
    const place = new Map(view.nodes.map((node) => [node.id, node.place]));
    const pairs = view.edges.map(({ from, to }) => [place.get(from)!, place.get(to)!] as const);
    return (line) => {
      const found = new Set<string>();
      for (let before = -1; before < found.size; ) {
        before = found.size;
        for (const [from, to] of pairs) if (from === line || found.has(from)) found.add(to);
      }
      return found;
    };
  }

  test("a loop of two lines is one box that names them; what feeds it and what it feeds are boxes of their own", () => {
    const nodes = [1, 2, 3, 2, 3, 4].map((line, k) => box(`n${k}`, { place: `m.nn:${line}` }));
    const edges = nodes.slice(1).map(({ id }, k) => ({ from: `n${k}`, to: id, type: "" }));
    const folded = foldLines({ nodes, edges });
    expect(folded.nodes.map(({ name, text }) => [name, text])).toEqual([
      ["n0", "f(x)"],
      ["lines 2 and 3", "4 operations"],
      ["n5", "f(x)"],
    ]);
    expect(folded.edges).toHaveLength(2);
  });
});

describe("layout", () => {
  test("boxes do not overlap and lie on the plane", () => {
    fc.assert(
      fc.property(views, (view) => {
        const { boxes, width, height } = layOut(view);
        for (const [k, a] of boxes.entries()) {
          expect(a.x - a.width / 2).toBeGreaterThanOrEqual(0);
          expect(a.x + a.width / 2).toBeLessThanOrEqual(width);
          expect(a.y + a.height / 2).toBeLessThanOrEqual(height);
          for (const b of boxes.slice(k + 1)) {
            const apart =
              Math.abs(a.x - b.x) >= (a.width + b.width) / 2 - 1 ||
              Math.abs(a.y - b.y) >= (a.height + b.height) / 2 - 1;
            expect(apart).toBe(true);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});

const hostile = [
  `</text><script>alert(1)</script>`,
  `"]; evil [label="`,
  "`${x}`",
  "a\u0000b",
  '"-->\nclick n0 href javascript:alert(1)',
  "__proto__",
];

test.each(hostile)("the name %j is text in every format", (name) => {
  const view: GraphView = {
    nodes: [box("n0", { name, text: name }), box("n1")],
    edges: [{ from: "n0", to: "n1", type: name }],
  };
  const svg = svgText(layOut(view), { style: true });
  expect(svg).not.toContain("<script");
  expect(svg).not.toContain("\u0000");
  expect(
    [...svg.matchAll(/<(\w+)/g)]
      .map(([, tag]) => tag)
      .filter((tag) => !/^(svg|style|defs|marker|path|g|title|rect|text)$/.test(tag!)),
  ).toEqual([]);
  // Outside of quoted texts nothing of the name is left.
  const dot = dotText(view).replace(/"(?:[^"\\]|\\.)*"/g, '""');
  expect(dot).not.toMatch(/script|evil|alert|click/);
  const mermaid = mermaidText(view).replace(/"[^"\n]*"/g, '""');
  expect(mermaid).not.toMatch(/script|evil|alert|click/);
  expect(mermaidText(view).split("\n").length).toBe(
    mermaidText({ nodes: [box("n0"), box("n1")], edges: view.edges }).split("\n").length,
  );
});

describe("nnc inspect", () => {
  test("the schedule is told with its reasons: loops, lists of non-zeros, layouts", async () => {
    const [ts, wasm] = await Promise.all(
      ["ts", "wasm"].map(async (target) => {
        const run = await nnc(["inspect", "bench/models/mlp-big.nn", "--explain-schedule", "--target", target]);
        expect(run.code).toBe(0);
        return run.stdout;
      }),
    );
    expect(ts).toContain("k runs over the list x_row_nonzeros: zeros are skipped");
    expect(ts).toMatch(/loops: .* of 512 by \d.*\n {2}why: .* loads per multiply-add/);
    expect(ts).not.toContain("lanes");
    expect(wasm).toContain("why: lanes along");
    expect(wasm).toContain("fc2.weight_panel is a copy that all its rows read");
    expect(wasm).toContain("fc1.weight: [512, 784] lies as [784, 512], 16 free after each row");
    const dense = await nnc(["inspect", "bench/models/mlp-big.nn", "--explain-schedule", "--dense"]);
    expect(dense.stdout).not.toContain("list");
  });

  test("the gradient graph of logistic regression is the textbook's", async () => {
    const { stdout } = await nnc(["inspect", logistic, "--graph", "backward", "--format", "json"]);
    const { nodes } = JSON.parse(stdout) as { nodes: { name: string; text: string; side: string }[] };
    const said = nodes.filter(({ text }) => text !== "").map(({ name, text, side }) => `${side}: ${name} = ${text}`);
    expect(said).toEqual([
      "forward: logits = x @ weights + bias",
      "forward: logp = log_softmax(logits)",
      "forward: loss = -mean(pick(logp, target))",
      "backward: dlogits = (softmax(logits) - one_hot(target, 10)) / N",
      "backward: dbias = sum(dlogits, axis=0)",
      "backward: dweights = x.T @ dlogits",
    ]);
  });

  test.each(["dot", "svg", "mermaid"])("%s names every value of the step", async (format) => {
    const { code, stdout } = await nnc(["inspect", logistic, "--graph", "step", "--format", format]);
    expect(code).toBe(0);
    for (const name of ["weights", "bias", "target", "loss", "[784, 10]"]) expect(stdout).toContain(name);
  });

  test("--diff shows what a pass took and what it gave; the marks are true", async () => {
    const { stdout } = await nnc(["inspect", logistic, "--diff", "simplify", "--program", "step"]);
    expect(stdout).toMatch(/^- .*broadcast/m);
    expect(stdout).toMatch(/^\+ .*softmax/m);
    expect(stdout).not.toMatch(/^\+ .*broadcast/m);
    const { stdout: same } = await nnc(["inspect", logistic, "--diff", "stabilise", "--program", "init"]);
    expect(same).toContain("changes nothing");
  });

  test.each([
    [["--after", "nonsense"], 'there is no pass "nonsense" [usage/value]'],
    [["--explain-schedule", "--format", "json"], "--explain-schedule cannot be shown as json"],
    [["--stage", "wat", "--format", "json"], "--stage stages, memory or ast"],
    [["--stage", "wat", "--debug"], "--debug is for TypeScript"],
    [["--stage", "memory", "--threads"], "--threads is for WebAssembly text"],
    [["--graph", "step", "--program", "nope"], "cannot be used with"],
    [["--stage", "ts", "--format", "svg"], "cannot be shown as svg"],
  ])("%j is told off", async (words, message) => {
    const { code, stdout, stderr } = await nnc(["inspect", logistic, ...words]);
    expect(code).toBe(2);
    expect(words.includes("json") ? stdout : stderr).toContain(message);
  });

  test("--stage memory --format json: no two that live together share a byte", async () => {
    const { stdout } = await nnc([
      "inspect",
      "models/mnist_mlp.nn",
      "--stage",
      "memory",
      "--format",
      "json",
      "--program",
      "step",
    ]);
    const [{ bars }] = JSON.parse(stdout) as [
      { bars: { name: string; offset: number; bytes: number; first: number; last: number }[] },
    ];
    expect(bars.length).toBeGreaterThan(10);
    for (const [k, a] of bars.entries()) {
      for (const b of bars.slice(k + 1)) {
        const together = a.first <= b.last && b.first <= a.last;
        const overlap = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
        expect(together && overlap, `${a.name} and ${b.name}`).toBe(false);
      }
    }
  });
});

describe("nnc stats", () => {
  test("counts what can be counted by hand", async () => {
    const { stdout } = await nnc(["stats", logistic, "--format", "json", "--batch", "32"]);
    const facts = JSON.parse(stdout) as {
      parameters: number;
      batch: number;
      kernels: { name: string; flops: number }[];
    };
    expect(facts.parameters).toBe(7850);
    expect(facts.batch).toBe(32);
    // x @ weights: one multiplication and one addition each, the division by 255 where it is done there, and the bias.
    const matmul = facts.kernels.find(({ name }) => name.startsWith("matmul") && name.endsWith("x10x784"))!;
    expect(matmul.flops).toBeGreaterThanOrEqual(2 * 32 * 784 * 10);
    expect(matmul.flops).toBeLessThan(3.1 * 32 * 784 * 10);
  });

  test.each(["ts", "wasm"])("--profile measures every kernel of the step: %s", async (target) => {
    const { code, stdout } = await nnc([
      "stats",
      logistic,
      "--profile",
      "--data",
      "digits",
      "--steps",
      "20",
      "--target",
      target,
      "--format",
      "json",
    ]);
    expect(code).toBe(0);
    const { kernels, measured } = JSON.parse(stdout) as {
      kernels: { milliseconds: number; share: number }[];
      measured: { data: string };
    };
    expect(measured.data).toBe("digits (made, not MNIST)");
    for (const { milliseconds, share } of kernels) {
      expect(milliseconds).toBeGreaterThan(0);
      expect(share).toBeGreaterThan(0);
    }
  });
});

test("lines are merged in order: kept ones once, each other one from its side", () => {
  const lines = fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 12 });
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const merged = diffTexts(before, after);
      const of = (marks: string): string[] => merged.filter(({ mark }) => marks.includes(mark)).map(({ text }) => text);
      expect(of(" +")).toEqual(after);
      expect(of(" -").sort()).toEqual([...before].sort());
    }),
  );
});

test.each([
  ["\\frac{a}{b_{1}}", "<mfrac><mi>a</mi><msub><mi>b</mi><mn>1</mn></msub></mfrac>"],
  ["x^{\\top} \\, y", '<msup><mi>x</mi><mo stretchy="false">⊤</mo></msup>'],
  ["\\mathrm{log\\_p}", '<mi mathvariant="normal">log_p</mi>'],
  ["\\left(a\\right)", "<mo>(</mo><mi>a</mi><mo>)</mo>"],
  ["\\begin{cases} 0 & \\text{if } a \\\\ b & \\text{else} \\end{cases}", "<mtr><mtd><mi>b</mi></mtd>"],
  ["<script>", "&#60;"],
])("%s as MathML", (latex, part) => {
  expect(mathml(latex)).toContain(part);
  expect(mathml(latex)).not.toContain("<script");
});

test("a sparkline falls as its values fall, and one value is no curve", () => {
  expect(sparkline([8, 7, 6, 5, 4, 3, 2, 1], 8)).toBe("█▇▆▅▄▃▂▁");
  expect(sparkline([2, Number.NaN, 1], 12)).toBe("█▁");
  expect(sparkline([], 12)).toBe("");
});

test("a bitmap holds its pixels, rows from the top, blue first", () => {
  const bytes = Buffer.from(bitmapUri(2, 2, (pixel) => [pixel, 10, 20]).split(",")[1]!, "base64");
  expect(bytes.readInt32LE(22)).toBe(-2);
  expect([...bytes.subarray(54, 62)]).toEqual([20, 10, 0, 20, 10, 1, 0, 0]);
});
