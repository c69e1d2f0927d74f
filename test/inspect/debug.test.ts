// Debug builds: breakpoints in the model file, values by name, the place of the first NaN; the same numbers as other builds.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Session } from "node:inspector";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import type { Library, Trainer, TypedArray } from "../../src/runtime/library.ts";
import { folderWith, nnc } from "../cli/nnc.ts";
import { chromiumPath, openChromium, skipReason } from "../page/chromium.ts";
import { debugModel, lineOf } from "./debug-model.ts";
import { mappingsOf, placeAt, placesOfLine } from "./source-map-reader.ts";

const rows = 6;

async function built(model = debugModel, ...more: string[]): Promise<string> {
  const folder = folderWith({ "small.nn": model });
  const { code, stderr } = await nnc(["build", join(folder, "small.nn"), "-o", folder, "--debug", ...more]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return folder;
}

const libraryOf = (folder: string): Promise<Library> => import(pathToFileURL(join(folder, "small.js")).href);

function filled(library: Library): Trainer {
  const trainer = library.create({ seed: 3 });
  trainer.inputs["x"]!.set(Float32Array.from({ length: rows * 4 }, (_, k) => Math.sin(k)));
  trainer.inputs["target"]!.set([0, 1, 2, 0, 1, 2]);
  return trainer;
}

describe("values by name", () => {
  test("every binding, every gradient and every step between them can be read, and is right", async () => {
    const trainer = filled(await libraryOf(await built()));
    const w = Float64Array.from(trainer.read("w"));
    const v = Float64Array.from(trainer.read("v"));
    trainer.step(rows);
    const read = (name: string): number[] => [...trainer.read(name)];
    const x = [...trainer.inputs["x"]!];
    const product = (a: ArrayLike<number>, b: ArrayLike<number>, n: number, k: number, m: number): number[] =>
      Array.from({ length: n * m }, (_, at) => {
        let sum = 0;
        for (let i = 0; i < k; i++) sum += a[Math.floor(at / m) * k + i]! * b[i * m + (at % m)]!;
        return sum;
      });
    const close = (got: readonly number[], wanted: readonly number[]): void => {
      expect(got.length).toBe(wanted.length);
      for (const [k, value] of wanted.entries()) expect(got[k]).toBeCloseTo(value, 5);
    };
    const scores = product(x, w, rows, 4, 5);
    close(read("scores"), scores);
    const h = scores.map(Math.tanh);
    close(read("h"), h);
    // dlogits = (softmax - one_hot) / rows; dh = dlogits @ v.T; dscores = dh * (1 - h^2).
    const logp = read("out");
    const dlogits = logp.map(
      (p, k) => (Math.exp(p) - (trainer.inputs["target"]![Math.floor(k / 3)] === k % 3 ? 1 : 0)) / rows,
    );
    const turned = Array.from({ length: 15 }, (_, k) => v[(k % 5) * 3 + Math.floor(k / 5)]!);
    const dh = product(dlogits, turned, rows, 3, 5);
    close(read("grad.h"), dh);
    close(
      read("grad.scores"),
      dh.map((d, k) => d * (1 - h[k]! ** 2)),
    );
    const xT = Array.from({ length: x.length }, (_, k) => x[(k % rows) * 4 + Math.floor(k / rows)]!);
    close(read("grad.w"), product(xT, read("grad.scores"), 4, rows, 5));
    close(
      read("w"),
      [...w].map((old, k) => old - 0.1 * read("grad.w")[k]!),
    );
  });

  test("a short batch has its own rows, in other programs too", async () => {
    const trainer = filled(await libraryOf(await built()));
    trainer.evaluate(2);
    expect(trainer.read("evaluate.h").length).toBe(2 * 5);
    trainer.predict(3);
    expect(trainer.read("predict.scores").length).toBe(3 * 5);
  });

  test("trains as an ordinary build does", async () => {
    const debug = filled(await libraryOf(await built()));
    const folder = folderWith({ "small.nn": debugModel });
    await nnc(["build", join(folder, "small.nn"), "-o", folder]);
    const plain = filled(await libraryOf(folder));
    for (let step = 0; step < 50; step++) {
      debug.step(rows);
      plain.step(rows);
      expect(debug.scalars[debug.index["loss"]!]).toBeCloseTo(plain.scalars[plain.index["loss"]!]!, 5);
    }
  });

  test.each(["vae", "mnist_convnet", "lstm_digits", "char_gpt", "wgan_gp"])(
    "%s compiles, and its bindings are there",
    async (name) => {
      const folder = folderWith({});
      const { code, stderr } = await nnc(["build", `models/${name}.nn`, "-o", folder, "--debug", "--batch", "2"]);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      const { create, manifest } = (await import(pathToFileURL(join(folder, `${name}.js`)).href)) as Library;
      const trainer = create();
      const fill = (values: TypedArray): void => void values.fill(1);
      for (const column of manifest.columns) fill(trainer.inputs[column.name]!);
      trainer.step(2);
      expect(Number.isFinite(trainer.scalars[trainer.index["loss"]!])).toBe(true);
    },
  );
});

interface Stop {
  readonly line: number;
  readonly column: number;
  readonly functionName: string;
  readonly reason: string;
  readonly place: string | undefined;
  readonly seen: readonly unknown[];
}

interface Debugging {
  /** Lines of the model. */
  readonly lines?: readonly number[];
  readonly exceptions?: boolean;
  readonly look: readonly string[];
}

/** Runs a step under a debugger; what it saw at each stop, and which place of the model that was. */
function debugged(folder: string, { lines = [], exceptions = false, look }: Debugging): Stop[] {
  const map = readFileSync(join(folder, "small.js.map"), "utf8");
  const breakpoints = lines.flatMap((line) =>
    placesOfLine(map, "small.nn", line).map((place) => ({
      urlRegex: "small\\.js$",
      lineNumber: place.line,
      columnNumber: place.column,
    })),
  );
  expect(breakpoints.length > 0).toBe(lines.length > 0);
  const script = `
    import { once } from "node:events";
    import { Worker } from "node:worker_threads";
    import { create } from ${JSON.stringify(pathToFileURL(join(folder, "small.js")).href)};
    const trainer = create({ seed: 3 });
    trainer.inputs.x.set(Float32Array.from({ length: ${rows * 4} }, (_, k) => Math.sin(k)));
    trainer.inputs.target.set([0, 1, 2, 0, 1, 2]);
    const worker = new Worker(${JSON.stringify(resolve("test/inspect/debug-client.mjs"))}, {
      execArgv: [],
      workerData: ${JSON.stringify({ breakpoints, exceptions, look })},
    });
    await once(worker, "message");
    const stops = [];
    worker.on("message", (stop) => stops.push(stop));
    try {
      trainer.step(${rows});
    } catch (error) {
      if (error.name !== "NotFinite") throw error;
    }
    // Its messages arrive before its end.
    await worker.terminate();
    console.log(JSON.stringify(stops));
  `;
  const { stdout, status } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  expect(status).toBe(0);
  return (JSON.parse(stdout) as Omit<Stop, "place">[]).map((stop) => {
    const at = placeAt(map, stop.line, stop.column);
    return { ...stop, place: at && `${at.source}:${at.sourceLine}:${at.sourceColumn}` };
  });
}

describe("breakpoints in the model file", () => {
  test("stop in Node, over the inspector protocol, with values by their names", async () => {
    const folder = await built();
    const tanh = lineOf("h = tanh");
    const look = ["scores.shape", "scores[0]", "w.length", "h[0]", "grad_h.shape"];
    const stops = debugged(folder, { lines: [tanh], look });
    // Once on the way forward; on the way back wherever its gradient goes on.
    expect(stops.length).toBeGreaterThan(1);
    for (const stop of stops) expect([stop.functionName, stop.place]).toEqual(["run_step", `small.nn:${tanh}:3`]);
    const [forward, backward] = [stops[0]!, stops.at(-1)!];
    const trainer = filled(await libraryOf(folder));
    trainer.step(rows);
    const scores = trainer.read("scores")[0]!;
    // Before the line, h is not made yet; on the way back it is, and its gradient comes from the line below.
    expect(forward.seen).toEqual([[6, 5], scores, 20, null, null]);
    expect(backward.seen).toEqual([[6, 5], scores, 20, trainer.read("h")[0], [6, 5]]);
  });

  test("stop at the update too", async () => {
    const stops = debugged(await built(), { lines: [lineOf("optimizer = sgd")], look: ["grad_w.shape", "v.shape"] });
    expect(stops.length).toBeGreaterThan(0);
    expect(stops[0]!.seen).toEqual([
      [4, 5],
      [5, 3],
    ]);
  });

  test("a line that makes nothing has no place to stop", async () => {
    const map = readFileSync(join(await built(), "small.js.map"), "utf8");
    expect(placesOfLine(map, "small.nn", 1)).toEqual([]);
  });

  test("the map names the model file, from wherever the build lies", async () => {
    const folder = folderWith({ "small.nn": debugModel });
    const out = join(folder, "deep", "a b");
    expect((await nnc(["build", join(folder, "small.nn"), "-o", out, "--debug"])).code).toBe(0);
    for (const file of ["small.js.map", "small.train.js.map", "small.ts.map"]) {
      const { sources } = JSON.parse(readFileSync(join(out, file), "utf8")) as { sources: string[] };
      expect(sources).toContain("../../small.nn");
    }
  });

  test.skipIf(!chromiumPath)(`stop in Chromium${skipReason}`, async () => {
    const folder = await built();
    const map = readFileSync(join(folder, "small.js.map"), "utf8");
    const tanh = lineOf("h = tanh");
    const browser = await openChromium();
    try {
      const page = await browser.context.newPage();
      await page.route("http://model.test/**", (route) => {
        const file = new URL(route.request().url()).pathname.slice(1);
        if (file === "")
          return route.fulfill({ contentType: "text/html", body: "<!doctype html><title>model</title>" });
        return route.fulfill({ contentType: "text/javascript", body: readFileSync(join(folder, file)) });
      });
      const client = await browser.context.newCDPSession(page);
      const scripts: { url: string; sourceMapURL?: string }[] = [];
      client.on("Debugger.scriptParsed", (script) => scripts.push(script));
      await client.send("Debugger.enable");
      await page.goto("http://model.test/");
      for (const { line, column } of placesOfLine(map, "small.nn", tanh)) {
        await client.send("Debugger.setBreakpointByUrl", {
          url: "http://model.test/small.js",
          lineNumber: line,
          columnNumber: column,
        });
      }
      const seen: unknown[] = [];
      client.on("Debugger.paused", async ({ callFrames }) => {
        const [{ callFrameId, location }] = callFrames as [(typeof callFrames)[number]];
        const at = placeAt(map, location.lineNumber, location.columnNumber ?? 0)!;
        const { result } = await client.send("Debugger.evaluateOnCallFrame", {
          callFrameId,
          expression: "[...scores]",
          returnByValue: true,
        });
        seen.push([at.source, at.sourceLine, (result.value as number[]).length]);
        await client.send("Debugger.resume");
      });
      const length = await page.evaluate(`import("/small.js").then(({ create }) => {
        const trainer = create();
        trainer.inputs.x.fill(1);
        trainer.step(${rows});
        return trainer.read("scores").length;
      })`);
      expect(length).toBe(rows * 5);
      expect(seen.length).toBeGreaterThan(1);
      for (const stop of seen) expect(stop).toEqual(["small.nn", tanh, rows * 5]);
      expect(scripts.find(({ url }) => url.endsWith("small.js"))?.sourceMapURL).toBe("small.js.map");
    } finally {
      await browser.close();
    }
  });
});

describe("numbers that are none", () => {
  const rootModel = debugModel.replace("tanh(scores)", "sqrt(scores)");

  test("end the call where they are made: tensor, element, expression, line", async () => {
    const trainer = filled(await libraryOf(await built(rootModel)));
    expect(() => trainer.step(rows)).toThrow(
      new RegExp(
        `^h\\[\\d, \\d\\] is NaN, made by "sqrt\\(scores\\)" at small\\.nn:${lineOf("h = sqrt", rootModel)}:7$`,
      ),
    );
    // The step did not reach its update.
    expect(trainer.read("w").every(Number.isFinite)).toBe(true);
  });

  test("on the way back too, as where a square root meets zero behind a mask", async () => {
    const masked = debugModel.replace("tanh(scores)", "where(scores > 0, sqrt(abs(scores)), 0)");
    const trainer = filled(await libraryOf(await built(masked)));
    trainer.inputs["x"]!.fill(0);
    expect(() => trainer.step(rows)).toThrow(
      new RegExp(`made by ".*" at small\\.nn:${lineOf("h = where", masked)}:\\d+ \\(backward\\)`),
    );
  });

  test("come from where an infinite number was made first; masks may be infinite", async () => {
    const masked = debugModel
      .replace("tanh(scores)", "where(scores > 0, scores, -inf)")
      .replace("h @ v", "max(h, 0) @ v");
    const fine = filled(await libraryOf(await built(masked)));
    fine.step(rows);
    expect(fine.read("h")).toContain(Number.NEGATIVE_INFINITY);
    const burst = debugModel.replace("tanh(scores)", "exp(scores * 1000) - exp(scores * 999)");
    const trainer = filled(await libraryOf(await built(burst)));
    const line = lineOf("h = exp", burst);
    expect(() => trainer.step(rows)).toThrow(
      new RegExp(
        `^h\\[.*NaN.*; the first infinite number was .*, made by "exp\\(scores \\* 1000\\)" at small\\.nn:${line}:7`,
      ),
    );
  });

  test("in the data are named too", async () => {
    const trainer = filled(await libraryOf(await built()));
    trainer.inputs["x"]![9] = Number.NaN;
    expect(() => trainer.step(rows)).toThrow(/^x\[2, 1\] is NaN, made by "x: \[N, 4\]" at small\.nn:4:13$/);
  });

  test("pause a debugger that stops at exceptions in the model's line, with all that was made before", async () => {
    const stops = debugged(await built(rootModel), { exceptions: true, look: ["scores.length"] });
    const seen = stops.map(({ place, reason, seen }) => [place, reason, seen]);
    expect(seen).toEqual([[`small.nn:${lineOf("h = sqrt", rootModel)}:3`, "exception", [rows * 5]]]);
  });

  test("stop `nnc train --debug` and a built trainer with the exit code of divergence", async () => {
    const model = `${debugModel
      .replace("[N, 4]", "[N, 784]")
      .replace("[4, 5]", "[784, 5]")
      .replace("[5, 3]", "[5, 10]")
      .replace("-> [N, 3]", "-> [N, 10]")
      .replace("< 3", "< 10")
      .replace("tanh(scores)", "sqrt(scores)")
      .replace("batch     = 6", "batch = 6\n  data = digits(train = 0:600)")}`;
    const folder = folderWith({ "small.nn": model });
    const { code, stderr } = await nnc(["train", join(folder, "small.nn"), "--debug"]);
    expect(stderr).toMatch(
      /^diverged after 0 steps: evaluate\.h\[\d+, \d+\] is NaN, made by "sqrt\(scores\)" at small\.nn:8:7/,
    );
    expect(code).toBe(3);
    expect((await nnc(["build", join(folder, "small.nn"), "--debug", "-o", folder])).code).toBe(0);
    const ran = spawnSync(process.execPath, [join(folder, "small.train.js"), "--quiet"], { encoding: "utf8" });
    expect(ran.stderr).toContain("small.nn:8:7");
    expect(ran.status).toBe(3);
  });
});

test("`nnc train --debug` runs code whose map leads a debugger to the model file, wherever that lies", async () => {
  const model = `${debugModel.replace("[N, 4]", "[N, 784]").replace("[4, 5]", "[784, 5]").replace("< 3", "< 10")}`
    .replace("[5, 3]", "[5, 10]")
    .replace("-> [N, 3]", "-> [N, 10]")
    .replace("batch     = 6", "batch = 6\n  data = digits(train = 0:600)");
  const folder = folderWith({ "small.nn": model });
  const session = new Session();
  session.connect();
  const maps: string[] = [];
  session.on("Debugger.scriptParsed", ({ params: { sourceMapURL = "" } }) => {
    const [, text] = /^data:application\/json;base64,(.*)$/.exec(sourceMapURL) ?? [];
    if (text !== undefined) maps.push(Buffer.from(text, "base64").toString());
  });
  session.post("Debugger.enable");
  try {
    const { code, stderr } = await nnc(["train", join(folder, "small.nn"), "--debug", "--max-steps", "1", "--quiet"]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
  } finally {
    session.disconnect();
  }
  const file = pathToFileURL(join(folder, "small.nn")).href;
  const ours = maps.filter((map) => mappingsOf(map).some(({ source }) => source === file));
  expect(ours.length).toBe(1);
  expect(placesOfLine(ours[0]!, "small.nn", lineOf("h = tanh", model)).length).toBeGreaterThan(1);
});

describe("stack traces", () => {
  test.each(["small.js", "small.train.js"])("through %s name the statement: small.nn:8:3", async (file) => {
    const model = debugModel
      .replace("[N, 4]", "[N, 784]")
      .replace("[4, 5]", "[784, 5]")
      .replace("[5, 3]", "[5, 10]")
      .replace("-> [N, 3]", "-> [N, 10]")
      .replace("< 3", "< 10")
      .replace("batch     = 6", "batch = 6\n  data = digits(train = 0:600)");
    const folder = await built(model);
    // In the bundled program the library is not exported: it is only run.
    const script =
      file === "small.js"
        ? `import { create } from ${JSON.stringify(join(folder, file))};
           const trainer = create();
           Math.tanh = () => { throw new Error("stopped in a kernel"); };
           trainer.step(4);`
        : `Math.tanh = () => { throw new Error("stopped in a kernel"); };
           process.argv = ["node", "x", "--max-steps", "1"];
           await import(${JSON.stringify(join(folder, file))});`;
    const { stderr } = spawnSync(process.execPath, ["--enable-source-maps", "--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    expect(stderr).toContain("stopped in a kernel");
    expect(stderr).toContain(`small.nn:${lineOf("h = tanh", model)}:3`);
  });
});

test("names of any kind become views, and code keeps its shape", async () => {
  const names = ["constructor", "look", "infinite", "tanh_Nx5", "f32", "await", "__proto__"];
  let model = debugModel;
  for (const [k, name] of names.entries())
    model = model.replace("  h = tanh(scores)\n", `  ${name} = scores + ${k}\n  h = tanh(scores)\n`);
  model = model.replace("h @ v", `(h + ${names.join(" + ")}) @ v`);
  const folder = folderWith({ "small.nn": model });
  const { stdout, code } = await nnc(["build", join(folder, "small.nn"), "-o", folder, "--debug", "--format", "json"]);
  expect(stdout === "" || stdout.startsWith("[")).toBe(true);
  if (code !== 0) throw new Error(stdout);
  const trainer = filled(await libraryOf(folder));
  trainer.step(rows);
  for (const [k, name] of names.entries())
    if (k > 0) expect(trainer.read(name)[0]).toBeCloseTo(trainer.read("scores")[0]! + k, 5);
});
