import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import type { FileSet } from "../../src/runtime/data-set.ts";
import { fetchSet } from "../../src/runtime/fetch.ts";
import { UserError } from "../../src/runtime/user-error.ts";
import { temporaryFolder } from "./test-io.ts";

const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const images = Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
const labels = Buffer.from([0, 0, 8, 1, 0, 0, 0, 2, 1, 0]);
const served = new Map([
  ["images.gz", gzipSync(images)],
  ["labels.gz", gzipSync(labels)],
]);

const set: FileSet = {
  kind: "files",
  name: "tiny",
  title: "Tiny",
  summary: "two images",
  columns: [
    { storage: "u8", shape: [2, 2] },
    { storage: "i32", shape: [], classes: 2 },
  ],
  test: [2, 2],
  parts: [
    {
      rows: 2,
      files: [
        { name: "images", sha256: hash(images) },
        { name: "labels", sha256: hash(labels) },
      ],
    },
  ],
  mirrors: [],
};

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function mirror(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/data/`;
}

const requests: string[] = [];

/** A sound mirror that knows ranges. */
const good: RequestListener = (request, response) => {
  const name = request.url!.slice("/data/".length);
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  requests.push(`${name}${range ? ` from ${range[1]}` : ""}`);
  const bytes = served.get(name)!;
  const from = Number(range?.[1] ?? 0);
  if (from >= bytes.length) return void response.writeHead(416).end();
  const headers = {
    "content-length": bytes.length - from,
    ...(range ? { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
  };
  response.writeHead(range ? 206 : 200, headers).end(bytes.subarray(from));
};

const fetchWith = (folder: string, mirrors: readonly string[], more = {}) =>
  fetchSet(set, { folder, mirrors, timeout: 2000, ...more });

describe("fetching a data set", () => {
  test("from the first mirror that has it, once, with progress", async () => {
    const folder = temporaryFolder();
    const missing = await mirror((_, response) => response.writeHead(404).end());
    const mirrors = ["http://127.0.0.1:1/", missing, await mirror(good)];
    const seen: string[] = [];
    const problems: string[] = [];
    const result = await fetchWith(folder, mirrors, {
      progress: ({ file, bytes, total }: { file: string; bytes: number; total: number }) =>
        seen.push(`${file} ${bytes}/${total}`),
      problem: (_: string, what: string) => problems.push(what),
    });
    expect(result).toEqual({ fetched: ["images", "labels"], present: [] });
    const size = (name: string) => served.get(name)!.length;
    expect(seen.at(-1)).toBe(`labels.gz ${size("labels.gz")}/${size("labels.gz")}`);
    expect(problems.slice(0, 2)).toEqual([expect.stringMatching(/ECONNREFUSED|bad port/), "the server answers 404"]);
    expect(readdirSync(folder).sort()).toEqual(["images.gz", "labels.gz"]);
    expect(readFileSync(join(folder, "images.gz")).equals(served.get("images.gz")!)).toBe(true);
    requests.length = 0;
    expect(await fetchWith(folder, mirrors)).toEqual({ fetched: [], present: ["images", "labels"] });
    expect(requests).toEqual([]);
  });

  test("goes on where a broken connection left off", async () => {
    const folder = temporaryFolder();
    const breaking = await mirror((request, response) => {
      const bytes = served.get(request.url!.slice("/data/".length))!;
      response.writeHead(200, { "content-length": bytes.length });
      response.write(bytes.subarray(0, 10), () => setTimeout(() => response.destroy(), 50));
    });
    requests.length = 0;
    await fetchWith(folder, [breaking, await mirror(good)]);
    expect(requests).toEqual(["images.gz from 10", "labels.gz from 10"]);
    expect(readdirSync(folder).sort()).toEqual(["images.gz", "labels.gz"]);
  });

  test("a whole .part is taken as it is, a wrong one is fetched anew", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "images.gz.part"), served.get("images.gz")!);
    writeFileSync(join(folder, "labels.gz.part"), "nonsense");
    requests.length = 0;
    await fetchWith(folder, [await mirror(good)]);
    expect(requests).toEqual([`images.gz from ${served.get("images.gz")!.length}`, "labels.gz from 8", "labels.gz"]);
  });

  test("a server that ignores ranges is read from the start", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "images.gz.part"), "x");
    await fetchWith(folder, [
      await mirror((request, response) => response.end(served.get(request.url!.slice("/data/".length)))),
    ]);
    expect(readFileSync(join(folder, "images.gz")).equals(served.get("images.gz")!)).toBe(true);
  });

  test("other bytes are refused, and nothing is put in place", async () => {
    const folder = temporaryFolder();
    const wrong = await mirror((_, response) => response.end(gzipSync(Buffer.from([...images.subarray(0, 23), 99]))));
    const html = await mirror((_, response) => response.end("<html>sign in</html>"));
    const failure = await fetchWith(folder, [wrong, html]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect((failure as UserError).code).toBe("data/fetch");
    expect((failure as UserError).message).toContain("its SHA-256 differs");
    expect(existsSync(join(folder, "images.gz"))).toBe(false);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a mirror that falls silent is given up", async () => {
    const folder = temporaryFolder();
    const silent = await mirror((_, response) => {
      response.writeHead(200, { "content-length": 1000 });
      response.write("x");
    });
    const failure = await fetchWith(folder, [silent], { timeout: 100 }).catch((error: unknown) => error);
    expect((failure as UserError).message).toContain("no answer in time");
  });
});
