// `--watch`: runs the same command line without it, again after each change of a model file below the model's folder.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, watch } from "node:fs";
import { dirname } from "node:path";
import type { Command } from "commander";
import { visible } from "../base/frame.ts";
import { notReadable } from "../runtime/file-faults.ts";
import { type Cli, exit } from "./cli.ts";

/** Editors write a file in several steps; they are over after this many milliseconds. */
const settle = 60;

type Action<Options> = (file: string, options: Options, cli: Cli) => Promise<number>;

/** Gives a command on one file its action and the option `--watch`. */
export function withWatch<Options>(
  command: Command,
  cli: Cli,
  done: (code: number) => void,
  action: Action<Options>,
): Command {
  return command
    .option("--watch", "run again whenever a model file in the folder changes")
    .action(async (file: string, options: Options & { readonly watch?: true }) => {
      done(await (options.watch ? runOnChange(file, cli) : action(file, options, cli)));
    });
}

async function runOnChange(file: string, cli: Cli): Promise<number> {
  const [program, script, ...words] = process.argv;
  const argv = [...process.execArgv, script!, ...words.filter((word) => word !== "--watch")];
  let child: ChildProcess | undefined;
  const start = (): void => {
    const started = spawn(program!, argv, { stdio: ["ignore", "inherit", "inherit"] });
    child = started;
    started.on("exit", () => {
      if (child === started) cli.warn(`watching ${visible(dirname(file))} for changes; Ctrl-C ends\n`);
    });
  };
  const again = (): void => {
    // A training run ends in an orderly way before the next begins.
    const old = child;
    child = undefined;
    if (!old || old.exitCode !== null || old.signalCode !== null) {
      start();
      return;
    }
    old.once("exit", start);
    old.kill("SIGTERM");
  };
  start();
  if (!existsSync(dirname(file))) return exit.wrong;
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(dirname(file), { recursive: true }, (_, name) => {
    if (!name?.endsWith(".nn")) return;
    clearTimeout(timer);
    timer = setTimeout(again, settle);
  });
  return new Promise((resolve, reject) => {
    watcher.on("error", (error) => {
      child?.kill("SIGTERM");
      reject(notReadable(dirname(file), error));
    });
    cli.onInterrupt((code) => {
      watcher.close();
      child?.kill("SIGTERM");
      resolve(code);
    });
  });
}
