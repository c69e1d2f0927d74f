// `nnc data`: fetches public data sets, and tells what data files hold.
import { Command } from "commander";
import { shorten, visible } from "../base/frame.ts";
import { suggest } from "../base/suggest.ts";
import { bytesText, count, grouped, quoted, UserError } from "../runtime/user-error.ts";
import { type Cli, exit } from "./cli.ts";
import { examples } from "./options.ts";
import { numberText, tableText } from "./table.ts";

export const dataCommand = (cli: Cli, done: (code: number) => void): Command =>
  new Command("data")
    .description("Fetches data sets and looks into data files.")
    .addCommand(
      new Command("fetch")
        .description(
          "Fetches a public data set into the user's cache, proven by hash; goes on where it was broken off. Writes digits, which is made, as files of the same form.",
        )
        .argument("<name>", "mnist, fashion_mnist or digits")
        .option("--data-dir <DIR>", "put the files there instead")
        .option("--mirror <URL...>", "folders on the web to try instead of the known ones")
        .addHelpText("after", examples("nnc data fetch mnist", "nnc data fetch mnist --data-dir ~/mnist"))
        .action(async (name: string, options: FetchOptions) => done(await fetchData(name, options, cli))),
    )
    .addCommand(
      new Command("info")
        .description(
          "Tells what idx, csv, npy, text or safetensors files hold; two idx files are checked as images and labels.",
        )
        .argument("<files...>", "data files, or IMAGES LABELS")
        .option("--json", "print a JSON array")
        .addHelpText(
          "after",
          examples("nnc data info table.csv", "nnc data info train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz"),
        )
        .action(async (files: readonly string[], options: { readonly json?: true }) =>
          done(await info(files, options, cli)),
        ),
    );

interface FetchOptions {
  readonly dataDir?: string;
  readonly mirror?: readonly string[];
}

async function fetchData(name: string, options: FetchOptions, cli: Cli): Promise<number> {
  const [{ dataSets }, { fetchSet }] = await Promise.all([import("../runtime/sets.ts"), import("../runtime/fetch.ts")]);
  const set = dataSets.get(name);
  const folder = options.dataDir ?? (cli.cache && cli.files.join(cli.cache, name));
  if (!set) {
    const known = [...dataSets.keys()];
    const near = suggest(name, known);
    throw new UserError(
      "usage/value",
      `${quoted(name)} is no data set that can be fetched`,
      near ? `Did you mean ${near}?` : `There are ${known.join(", ")}.`,
    );
  }
  if (folder === undefined)
    throw new UserError(
      "usage/option",
      "there is no cache folder on this machine",
      "Say where the files go: --data-dir.",
    );
  if (set.kind === "made") {
    const { imageFiles } = await import("./image-files.ts");
    const { ownPlace } = await import("../runtime/locate.ts");
    cli.files.writeTogether(
      new Map(imageFiles(set).map(([file, parts]) => [ownPlace(folder, file, cli.files), parts])),
    );
    cli.print(`${set.title} is in ${visible(folder)}: ${grouped(set.rows)} images drawn\n`);
    return exit.done;
  }
  const clear = (): void => {
    if (cli.isTerminal) cli.print("\r\u001b[K");
  };
  const { fetched, present } = await fetchSet(set, {
    folder,
    ...(options.mirror ? { mirrors: options.mirror.map((url) => (url.endsWith("/") ? url : `${url}/`)) } : {}),
    progress: ({ file, bytes, total }) => {
      const share = total === undefined ? "" : ` of ${bytesText(total)}`;
      if (cli.isTerminal) cli.print(`\r${file}  ${bytesText(bytes)}${share}\u001b[K`);
    },
    problem: (mirror, what) => {
      clear();
      cli.warn(`${visible(mirror)}: ${visible(what)}\n`);
    },
  });
  clear();
  cli.print(
    `${set.title} is in ${visible(folder)}: ${count(fetched.length, "file")} fetched, ${present.length} there already\n`,
  );
  return exit.done;
}

async function info(files: readonly string[], options: { readonly json?: true }, cli: Cli): Promise<number> {
  const { dataInfo, imagesInfo } = await import("../runtime/info.ts");
  const isPair = files.length === 2 && files.every((file) => dataInfo(file, cli).format === "idx");
  const found = isPair ? imagesInfo(files[0]!, files[1]!, cli) : files.map((file) => dataInfo(file, cli));
  if (options.json) {
    cli.print(`${JSON.stringify(found, null, 2)}\n`);
    return exit.done;
  }
  for (const file of found) {
    const { format, packed, element, shape, min, max, mean, zeros, names, characters } = file;
    const facts: [string, string | undefined][] = [
      ["format", packed ? `${format}, packed` : format],
      ["shape", `[${shape.map(grouped).join(", ")}] of ${element}`],
      [
        "values",
        min === undefined ? undefined : `${numberText(min)} to ${numberText(max!)}, mean ${numberText(mean!)}`,
      ],
      ["zeros", zeros === undefined ? undefined : `${(zeros * 100).toFixed(1)} %`],
      ["characters", characters === undefined ? undefined : `${grouped(characters)} different`],
      [
        "names",
        names?.length
          ? names
              .slice(0, 50)
              .map((name) => visible(shorten(name, 80)))
              .join(", ")
          : undefined,
      ],
    ];
    cli.print(`${visible(file.path)}\n`);
    cli.print(tableText(facts.flatMap(([label, text]) => (text === undefined ? [] : [["", label, text]]))));
  }
  if (isPair) cli.print(`${count(found[0]!.shape[0]!, "image")} with as many labels of classes 0 to 9\n`);
  return exit.done;
}
