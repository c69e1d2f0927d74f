// What a careless or malicious user does around the compiler: paths that are devices or models, folders that are taken, full disks,
// pages of other sites that ask for the explorer's.
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { nodeCli } from "../../src/cli/cli.ts";
import { run } from "../../src/cli/main.ts";
import { nodeFiles } from "../../src/runtime/node-files.ts";
import { folderWith, nnc } from "../cli/nnc.ts";
import { meteredProgram } from "./metered.ts";

const model = `model net(x: [N, 784]) -> [N, 10] {
  param w: [784, 10] = zeros()
  x @ w
}
loss(out, target: class[N] < 10) = cross_entropy(out, target)
train { data = digits(train = 0:40); batch = 10; optimizer = sgd(lr = 0.1) }
`;

const atHome = folderWith({ "net.nn": model });
const { program, nnc: start } = await meteredProgram(atHome);

describe("where results are written", () => {
  test("a model file is no place for them", async () => {
    const folder = folderWith({ "net.nn": model, "other.NN": model });
    const path = join(folder, "net.nn");
    for (const option of ["--save", "--log", "--report"]) {
      for (const name of ["net.nn", "other.NN", "new.nn"]) {
        const { code, stderr } = await nnc(["train", path, option, join(folder, name), "--max-steps", "1"]);
        expect(stderr).toContain("is a model file, which is not written over [file/unwritable]");
        expect(code).toBe(1);
      }
    }
    expect(readFileSync(path, "utf8")).toBe(model);
    expect(readdirSync(folder).sort()).toEqual(["net.nn", "other.NN"]);
    // It is `fmt`'s work.
    writeFileSync(path, model.replaceAll("\n", "\n\n"));
    expect((await nnc(["fmt", path])).code).toBe(0);
    expect(readFileSync(path, "utf8")).not.toContain("\n\n\n");
  });

  test("a link stays a link", () => {
    const folder = folderWith({ real: "old" });
    symlinkSync(join(folder, "real"), join(folder, "link"));
    nodeFiles.write(join(folder, "link"), [Buffer.from("new")]);
    expect(lstatSync(join(folder, "link")).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(folder, "real"), "utf8")).toBe("new");
    expect(readdirSync(folder).sort()).toEqual(["link", "real"]);
  });

  test.skipIf(process.platform === "win32")("a pipe takes what is written, and stays a pipe", async () => {
    const folder = folderWith({});
    const pipe = join(folder, "pipe");
    expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
    const reader = spawn("cat", [pipe]);
    let read = "";
    reader.stdout.on("data", (piece: Buffer) => {
      read += piece.toString();
    });
    const ended = new Promise((done) => reader.on("close", done));
    nodeFiles.probe(pipe);
    nodeFiles.write(pipe, [Buffer.from("all "), Buffer.from("of it")]);
    await ended;
    expect(read).toBe("all of it");
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    expect(readdirSync(folder)).toEqual(["pipe"]);
  });

  test("what a process of our number left behind is in nobody's way", () => {
    const folder = folderWith({});
    const path = join(folder, "file");
    nodeFiles.write(path, [Buffer.from("old")]);
    const left = Array.from({ length: 300 }, (_, k) => `file.${process.pid}.${k}.tmp`);
    for (const name of left) writeFileSync(join(folder, name), "half");
    nodeFiles.probe(path);
    nodeFiles.write(path, [Buffer.from("new")]);
    expect(readFileSync(path, "utf8")).toBe("new");
    expect(readdirSync(folder)).toHaveLength(301);
  });

  test("a file keeps its rights, and one that is protected stays as it is", () => {
    const path = join(folderWith({ file: "old" }), "file");
    chmodSync(path, 0o600);
    nodeFiles.write(path, [Buffer.from("new")]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    // To root, nothing is protected.
    if (process.getuid?.() === 0) return;
    chmodSync(path, 0o400);
    for (const write of [() => nodeFiles.write(path, []), () => nodeFiles.probe(path)])
      expect(write).toThrow("permission denied");
    expect(readFileSync(path, "utf8")).toBe("new");
  });

  test("a link in the folder of the results leads nowhere else", async () => {
    for (const [name, ...argv] of [
      ["net.js", "build", "net.nn", "-o", "out"],
      ["net.py", "export", "net.nn", "--to", "pytorch", "-o", "out"],
      ["t10k-labels-idx1-ubyte", "data", "fetch", "digits", "--data-dir", "out"],
      ["step-0000000000.safetensors", "train", "net.nn", "--checkpoint", "out"],
    ] as const) {
      const folder = folderWith({ "net.nn": model, canary: "sings" });
      mkdirSync(join(folder, "out"));
      symlinkSync(join("..", "canary"), join(folder, "out", name));
      // Checkpoints are begun anew in an empty folder only.
      const words = name.startsWith("step") ? [...argv, "--resume"] : argv;
      const { code, stderr } = await nnc(
        words.map((word) => (/^(net\.nn|out)$/.test(word) ? join(folder, word) : word)),
      );
      expect(stderr).toMatch(/^error: ".*" is a link to a file outside ".*out" \[file\/outside\]$/m);
      expect(code).toBe(1);
      expect(readFileSync(join(folder, "canary"), "utf8")).toBe("sings");
      expect(readdirSync(join(folder, "out"))).toEqual([name]);
    }
  });
});

describe.skipIf(process.platform !== "linux")("a place that cannot be written is refused, and nothing hangs", () => {
  const folder = folderWith({ "net.nn": model });
  spawnSync("mkfifo", [join(folder, "pipe")]);

  test.each([
    ["build", "net.nn", "-o", "/proc/none"],
    ["train", "net.nn", "--save", "/proc/none/a/b"],
    ["train", "net.nn", "--log", "/proc/none/a"],
    ["train", "net.nn", "--report", "/proc/none/a"],
    ["train", "net.nn", "--checkpoint", "/proc/none"],
    ["explore", "net.nn", "--out", "/proc/none/a.html"],
    ["export", "net.nn", "--to", "onnx", "-o", "/proc/none"],
    ["data", "fetch", "digits", "--data-dir", "/proc/none"],
    ["data", "fetch", "mnist", "--data-dir", "/proc/none"],
    ["data", "fetch", "mnist", "--data-dir", "net.nn"],
    ["train", "net.nn", "--checkpoint", "net.nn"],
    ["train", "net.nn", "--log", "pipe"],
    ["build", "net.nn", "-o", "pipe"],
  ])("%s %s %s %s", (...argv) => {
    const { code, err } = start(argv.map((word) => (/^(net\.nn|pipe)$/.test(word) ? join(folder, word) : word)));
    expect(err).toMatch(/^error: cannot write ".*": .* \[file\/unwritable\]\nhelp: .*\n\n?$/);
    expect(code).toBe(1);
    expect(readdirSync(folder).sort()).toEqual(["net.nn", "pipe"]);
  });
});

describe("a folder of checkpoints", () => {
  const argv = (folder: string, ...more: string[]): string[] => [
    "train",
    join(folder, "net.nn"),
    "--checkpoint",
    join(folder, "points"),
    "--every",
    "1steps",
    ...more,
  ];

  test("that has some is not begun anew: the old ones would be taken for newer", async () => {
    const folder = folderWith({ "net.nn": model });
    expect((await nnc(argv(folder))).code).toBe(0);
    const before = readdirSync(join(folder, "points"));
    const again = await nnc(argv(folder, "--seed", "3", "--max-steps", "1"));
    expect(again.stderr).toMatch(
      /holds checkpoints of a run already, the newest "step-0000000004\.safetensors".*\n.*--resume/,
    );
    expect(again.code).toBe(1);
    expect(readdirSync(join(folder, "points"))).toEqual(before);
    expect((await nnc(argv(folder, "--resume"))).code).toBe(0);
  });

  test("what a living run is writing is left to it, what a dead one wrote is removed", async () => {
    const folder = folderWith({ "net.nn": model });
    const points = join(folder, "points");
    mkdirSync(points);
    const name = (writer: number): string => `step-0000000009.safetensors.${writer}.0.tmp`;
    const dead = spawnSync(process.execPath, ["-e", ""]).pid;
    for (const writer of [process.ppid, dead]) writeFileSync(join(points, name(writer)), "half");
    expect((await nnc(argv(folder, "--resume"))).code).toBe(0);
    const left = readdirSync(points).filter((each) => each.endsWith(".tmp"));
    expect(left).toEqual([name(process.ppid)]);
  });

  test("with folders in the place of files", async () => {
    const folder = folderWith({ "net.nn": model });
    for (const name of ["step-0000000009.safetensors.999999999.0.tmp", "step-0000000009.safetensors"]) {
      mkdirSync(join(folder, "points", name), { recursive: true });
      const { code, stderr } = await nnc(argv(folder, "--resume"));
      expect(stderr).toMatch(/^error: cannot (remove|read) ".*it is a folder/);
      expect(code).toBe(1);
    }
  });
});

describe.skipIf(!existsSync("/dev/full"))("a full disk", () => {
  const shell = (command: string) =>
    spawnSync("bash", ["-c", command.replace("nnc", `"${process.execPath}" "${program}"`)], {
      encoding: "utf8",
      cwd: atHome,
      env: { ...process.env, TMPDIR: atHome },
    });

  test("behind what is printed: told once, and a run goes on to its end", () => {
    const looked = shell("nnc inspect net.nn --stage ts > /dev/full");
    expect(looked.stderr).toBe("error: what is printed gets lost: the disk is full\n");
    expect(looked.status).toBe(1);
    const trained = shell("nnc train net.nn --save kept.safetensors > /dev/full");
    expect(trained.stderr).toBe("error: what is printed gets lost: the disk is full\n");
    expect(trained.status).toBe(1);
    expect(existsSync(join(atHome, "kept.safetensors"))).toBe(true);
    expect(shell("nnc check none.nn 2> /dev/full").status).toBe(1);
  });

  test("as a place for results: refused, and the device stays one", () => {
    const { status, stderr } = shell("nnc train net.nn --max-steps 1 --save /dev/full");
    // What has no place is left where there is one.
    const left = join(atHome, "nnc-full");
    expect(stderr).toContain(
      `cannot write "/dev/full": the disk is full; the parameters are in "${left}" [file/unwritable]`,
    );
    expect(existsSync(left)).toBe(true);
    expect(status).toBe(1);
    expect(shell("nnc train net.nn --max-steps 1 --save /dev/null").status).toBe(0);
    for (const device of ["/dev/full", "/dev/null"]) expect(lstatSync(device).isCharacterDevice()).toBe(true);
  });
});

test("nothing in a name or a file moves the cursor or colours: what is printed is printable", async () => {
  const name = "\u001b[31mred\u0007\u009b2J\u202e";
  const text = model
    .replace("model net", `# ${name}\nmodel   net`)
    .replace("digits(train = 0:40)", `csv(${JSON.stringify(`${name}.csv`)})`)
    .replace("class[N] < 10", "class[N] < 3");
  const row = `${"1,".repeat(784)}1\n`;
  const folder = folderWith({ [`${name}.nn`]: text, [`${name}.csv`]: row, [`${name}.bad.csv`]: `1,${name}\n` });
  const at = (end: string): string => join(folder, `${name}${end}`);
  const json = JSON.stringify({ [name]: { dtype: "U8", shape: [1], data_offsets: [0, 1] } });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
  writeFileSync(at(".safetensors"), Buffer.concat([length, Buffer.from(`${json}\0`)]));
  const seen: string[] = [];
  for (const argv of [
    ["check", at(".nn")],
    ["check", at("none.nn")],
    ["fmt", "--check", at(".nn")],
    ["build", at(".nn"), "-o", at("out")],
    ["export", at(".nn"), "--to", "onnx", "-o", at("out")],
    ["explore", at(".nn"), "--out", at(".html")],
    ["train", at(".nn"), "--save", at(".params"), "--log", at(".log"), "--checkpoint", at("points"), "--resume"],
    ["train", at(".nn"), "--report", at(".report.html")],
    ["train", at(".nn"), "--init", at(".safetensors")],
    ["params", at(".safetensors")],
    ["data", "info", at(".csv")],
    ["data", "info", at(".bad.csv")],
    ["data", "fetch", name],
    ["inspect", at(".nn"), "--stage", "ts"],
    ["inspect", at(".nn"), "--after", name],
    ["explain", name],
    [name],
    ["check", `--${name}`],
  ]) {
    const { code, stdout, stderr } = await nnc(argv);
    const printed = stdout + stderr;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
    expect(printed, `${argv[0]}: ${code}`).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(printed).not.toContain("internal error");
    expect(printed.length).toBeGreaterThan(0);
    seen.push(`${argv[0]} ${code}`);
  }
  expect(seen.filter((each) => each.endsWith(" 0"))).toHaveLength(9);
});

test("names of any length are cut in messages", async () => {
  const long = "n".repeat(5000);
  for (const argv of [
    [long],
    ["check", long],
    ["check", `--${long}`],
    ["explain", long],
    ["data", "info", `${long}.csv`],
  ]) {
    const { code, stderr } = await nnc(argv);
    expect(code).not.toBe(0);
    expect(stderr.length, argv[0]!.slice(0, 9)).toBeLessThan(800);
    expect(stderr).toMatch(/^error: .*\nhelp: /);
  }
});

describe("the explorer's server", async () => {
  const folder = folderWith({ "net.nn": model, secret: "secret" });
  const port = 20_000 + ((process.pid * 7) % 20_000);
  let interrupt: ((code: number) => void) | undefined;
  let printed = "";
  const cli = {
    ...nodeCli(),
    print: (text: string) => {
      printed += text;
    },
    onInterrupt: (handler: (code: number) => void) => {
      interrupt = handler;
      return () => {};
    },
  };
  const ended = run(["explore", join(folder, "net.nn"), "--port", String(port)], cli);

  interface Asked {
    readonly path?: string;
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly host?: string;
    readonly body?: number;
  }

  const ask = ({ path = "/", method = "GET", headers = {}, host = "127.0.0.1", body = 0 }: Asked) =>
    new Promise<{ status: number; text: string; headers: object }>((resolve, reject) => {
      const sent = request(
        { host, port, path, method, headers: { host: `127.0.0.1:${port}`, ...headers } },
        (answer) => {
          let text = "";
          answer.on("data", (piece: Buffer) => {
            text += piece.toString();
          });
          answer.on("end", () => resolve({ status: answer.statusCode!, text, headers: answer.headers }));
        },
      );
      sent.on("error", reject);
      const send = (left: number): void => {
        if (left === 0) sent.end();
        else sent.write(Buffer.alloc(2 ** 16), () => send(left - 1));
      };
      send(body);
    });

  test("shows its page to whoever asks from here", async () => {
    await expect.poll(() => printed, { timeout: 20_000 }).toContain(`http://127.0.0.1:${port}/`);
    const good: readonly Readonly<Record<string, string>>[] = [
      {},
      { host: `localhost:${port}` },
      { origin: `http://127.0.0.1:${port}`, "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "none", "sec-fetch-mode": "navigate" },
    ];
    for (const headers of good) {
      const { status, text, headers: sent } = await ask({ headers });
      expect(status).toBe(200);
      expect(text).toContain("cross_entropy");
      expect(sent).toMatchObject({ "cross-origin-resource-policy": "same-origin", "x-frame-options": "DENY" });
      expect(sent).not.toHaveProperty("access-control-allow-origin");
    }
  });

  test.each<[string, Asked]>([
    ["a name that was bent to this machine", { headers: { host: `evil.example:${port}` } }],
    ["its port alone", { headers: { host: "127.0.0.1" } }],
    ["a page of another site", { headers: { origin: "https://evil.example" } }],
    ["a page of another port", { headers: { origin: `http://127.0.0.1:${port + 1}` } }],
    ["a page without an address", { headers: { origin: "null" } }],
    ["an image in another site", { headers: { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" } }],
    ["a file beside the model", { path: "/secret" }],
    ["a file above", { path: "/../secret" }],
    ["a file above, encoded", { path: "/%2e%2e/secret" }],
    ["a whole address", { path: `http://127.0.0.1:${port}/secret` }],
    ["a query", { path: "/?file=secret" }],
    ["POST", { method: "POST", body: 16 }],
    ["DELETE", { method: "DELETE" }],
    ["OPTIONS", { method: "OPTIONS", headers: { origin: "https://evil.example" } }],
  ])("%s gets nothing", async (_, asked) => {
    const { status, text } = await ask(asked);
    expect(status).toBe(404);
    expect(text).toBe("");
  });

  test("two names of a host are none", async () => {
    const socket = connect(port, "127.0.0.1");
    socket.end(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`);
    let answer = "";
    for await (const piece of socket) answer += String(piece);
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).not.toContain("cross_entropy");
  });

  test("a body without end takes no memory", async () => {
    const before = process.memoryUsage().rss;
    await ask({ method: "POST", body: 4096 }).catch(() => {});
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
    expect((await ask({})).status).toBe(200);
  });

  test("ends when it is told to, whoever is connected", async () => {
    interrupt!(130);
    expect(await ended).toBe(0);
    await expect(ask({})).rejects.toThrow();
  });

  test.each(["0", "65536", "99999", "1e3", "-1", "x"])("port %s is none", async (word) => {
    expect((await nnc(["explore", join(folder, "net.nn"), "--port", word])).code).toBe(2);
  });
});
