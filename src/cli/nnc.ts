#!/usr/bin/env node
// The program `nnc`.
import { nodeCli } from "./cli.ts";
import { run } from "./main.ts";

process.exitCode = await run(process.argv.slice(2), nodeCli());
