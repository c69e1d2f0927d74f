// `nnc explore`: a page that shows a model from its source to its memory, and trains it; served here, or written as one file.
import { createServer, type IncomingMessage, type Server } from "node:http";
import { dirname } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { visible } from "../base/frame.ts";
import type { Module } from "../ir/module.ts";
import type { Io } from "../runtime/io.ts";
import { openNamed } from "../runtime/locate.ts";
import { bytesText, UserError } from "../runtime/user-error.ts";
import { type Cli, exit } from "./cli.ts";
import { examples } from "./options.ts";
import type { PageData } from "./page-html.ts";

interface ExploreOptions {
  readonly port: number;
  readonly out?: string;
}

export const exploreCommand = (cli: Cli, done: (code: number) => void): Command =>
  new Command("explore")
    .description("Opens a model as a live page: source, graph, equations, memory, code, training.")
    .argument("<file>", "a model file, NAME.nn")
    .addOption(
      new Option("--port <P>", "where the page is served, on this machine alone").argParser(portNumber).default(4280),
    )
    .option("-o, --out <PAGE.html>", "write the page as one file that opens without a server, and end")
    .addHelpText("after", examples("nnc explore models/mnist_logistic.nn", "nnc explore model.nn --out model.html"))
    .action(async (file: string, options: ExploreOptions) => done(await explore(file, options, cli)));

async function explore(path: string, { port, out }: ExploreOptions, cli: Cli): Promise<number> {
  const [{ pageHtml, contentPolicy }, { readModel, readSource }] = await Promise.all([
    import("./page-html.ts"),
    import("./model-file.ts"),
  ]);
  // A model with mistakes is opened too: the page shows them.
  const model = (): PageData => {
    const files = new Map<string, string>();
    const { module } = readModel(path, {
      ...cli,
      files: {
        ...cli.files,
        open: (opened) => {
          const file = cli.files.open(opened);
          if (opened !== path && file && opened.endsWith(".nn")) files.set(opened, readSource(opened, cli).text);
          return file;
        },
      },
    });
    const { text } = readSource(path, cli);
    return {
      name: path.split(/[\\/]/).at(-1)!.replace(/\.nn$/, ""),
      path,
      text,
      files: [...files],
      data: dataFiles(module, path, cli),
    };
  };
  if (out !== undefined) {
    const html = pageHtml(model());
    cli.files.write(out, [new TextEncoder().encode(html)]);
    cli.print(`${visible(out)}  ${bytesText(Buffer.byteLength(html))}\n`);
    return exit.done;
  }
  const server = await serve(port, () => pageHtml(model()), contentPolicy);
  cli.print(`${visible(path)} is open at http://127.0.0.1:${port}/ (Ctrl-C ends it)\n`);
  return untilInterrupted(server, cli);
}

/** A larger file is not put into a page; its data can be dropped there. */
const dataLimit = 2 * 1024 * 1024;

/** Files of the model's constants. */
function loadedFiles(module: Module | undefined): string[] {
  if (!module) return [];
  const graphs = [module.step, module.evaluate, module.predict, ...module.entries.map(({ graph }) => graph)];
  return graphs.flatMap(({ nodes }) =>
    nodes.flatMap(({ op, attrs }) => (op === "load" ? [String(attrs["file"])] : [])),
  );
}

/** Files that the model names, for its data, its constants and its start values, where they are small. */
function dataFiles(module: Module | undefined, path: string, io: Io): (readonly [string, string])[] {
  const { data, init = [] } = module?.train ?? {};
  const places = { io: { ...io, folder: dirname(path) }, dataDir: undefined };
  const words = [...(data?.positional ?? []), ...(data?.named.values() ?? [])].filter(
    (value) => typeof value === "string",
  );
  const names = new Set([...words, ...loadedFiles(module), ...init.map(({ file }) => file)]);
  return [...names].flatMap((name) => {
    try {
      const file = openNamed(name, places);
      const bytes = new Uint8Array(Math.min(file.size, dataLimit + 1));
      if (file.size <= dataLimit) file.read(0, bytes);
      file.close();
      return bytes.length <= dataLimit ? [[name, Buffer.from(bytes).toString("base64")] as const] : [];
    } catch (error) {
      // An argument that names no file: the page says what it misses when it trains.
      if (error instanceof UserError) return [];
      throw error;
    }
  });
}

function portNumber(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError("It takes a whole number from 1 to 65535.");
}

/** What the page's address may be called; a browser leaves port 80 out. */
const addresses = (port: number): string[] =>
  ["127.0.0.1", "localhost"].flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`]));

/** A page of another site asks: its own address is told, or the browser says so. The address bar says neither. */
function isForeign({ headers }: IncomingMessage, port: number): boolean {
  const { origin } = headers;
  if (origin !== undefined && !addresses(port).some((address) => origin === `http://${address}`)) return true;
  const site = headers["sec-fetch-site"];
  return site !== undefined && site !== "none" && site !== "same-origin" && headers["sec-fetch-mode"] !== "navigate";
}

/** Only this machine reaches it, and a name that was made to point here gets nothing; nor does a page of another site. */
function serve(port: number, html: () => string, policy: string): Promise<Server> {
  const server = createServer((request, response) => {
    const [host, ...more] = request.headersDistinct["host"] ?? [];
    const isOurs = more.length === 0 && addresses(port).includes(host ?? "");
    const isAsked = request.url === "/" && (request.method === "GET" || request.method === "HEAD");
    if (!isOurs || !isAsked || isForeign(request, port)) {
      // Whatever else is sent is not read.
      response.writeHead(404, { connection: "close" }).end();
      return;
    }
    try {
      const text = html();
      response.writeHead(200, {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": policy,
        "cache-control": "no-store",
        "cross-origin-resource-policy": "same-origin",
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
      });
      response.end(text);
    } catch (error) {
      response.writeHead(500, { "content-type": "text/plain; charset=utf-8" });
      response.end(error instanceof Error ? error.message : String(error));
    }
  });
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "is taken" : "cannot be used";
      reject(new UserError("usage/value", `port ${port} ${why}`, "Take another: --port 4281."));
    });
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

function untilInterrupted(server: Server, io: Io): Promise<number> {
  return new Promise((resolve) => {
    const stop = io.onInterrupt(() => {
      stop();
      server.closeAllConnections();
      server.close(() => resolve(exit.done));
    });
  });
}
