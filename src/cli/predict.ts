// `nnc predict`: what a trained model says of given rows.
import { Command } from "commander";
import { type Cli, exit } from "./cli.ts";
import { examples } from "./options.ts";
export const predictCommand = (cli: Cli, done: (code: number) => void): Command =>
  new Command("predict")
    .description("")
    .action(() => done(exit.done))
    .addHelpText("after", examples("x")) && new Command("predict");
