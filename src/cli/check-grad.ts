// `nnc check --grad`: tells how far the gradients of a model are from central differences of its loss.
import { dirname } from "node:path";
import { type Diagnostic, diagnose } from "../base/diagnostic.ts";
import { gradients } from "../base/diagnostics/gradients.ts";
import { typeText } from "../ir/types.ts";
import { count, grouped } from "../runtime/user-error.ts";
import { type Cli, exit } from "./cli.ts";
import { show } from "./diagnostics.ts";
import { loadedConstants } from "./evaluation.ts";
import {
  type CheckedParameter,
  checkedRows,
  checkGradients,
  differenceLimit,
  type GradientCheck,
} from "./finite-differences.ts";
import { gradientTargets } from "./gradient-texts.ts";
import { readModel } from "./model-file.ts";
import type { ModelOptions } from "./options.ts";
import { numberText, tableText } from "./table.ts";

interface Options extends ModelOptions {
  readonly dataDir?: string;
}

export async function checkGrad(path: string, options: Options, cli: Cli): Promise<number> {
  const { module, diagnostics } = readModel(path, cli, {
    dims: options.dim,
    dataDir: options.dataDir,
    grads: true,
    // Columns as the model declares them, since their numbers are made up.
    fromDataSet: false,
  });
  if (!show(cli, diagnostics, options.format) || !module) return exit.wrong;
  const targets = gradientTargets(module, undefined);
  if (!show(cli, targets.faults, options.format)) return exit.wrong;
  const loads = loadedConstants(module.step, { io: { ...cli, folder: dirname(path) }, dataDir: options.dataDir });
  const checked = checkGradients(module, targets.names, { loads, maxBytes: cli.limits.maxArena });
  if (options.format === "text") cli.print(report(module.name, checked));
  const faults = faultsOf(checked);
  if (options.format === "json" && faults.length + diagnostics.length === 0) cli.print("[]\n");
  return show(cli, faults, options.format) ? exit.done : exit.wrong;
}

function faultsOf({ loss, parameters }: GradientCheck): Diagnostic[] {
  if (!Number.isFinite(loss)) return [diagnose(gradients, "grad/not-finite", undefined, { value: String(loss) })];
  return parameters.filter(differs).map(({ name, worst }) => {
    const facts = { name, place: worst.place, mine: numberText(worst.mine), slope: numberText(worst.slope) };
    return diagnose(gradients, "grad/differs", undefined, { ...facts, limit: differenceLimit.toExponential() });
  });
}

const differs = ({ worst }: CheckedParameter): boolean => !(worst.error < differenceLimit);

function report(model: string, { loss, parameters }: GradientCheck): string {
  const head = `${model}: loss ${numberText(loss)} on ${checkedRows} made-up rows, in float64\n`;
  const rows = parameters.map((each) => [
    each.name,
    typeText(each.type),
    `${grouped(each.entries)} of ${grouped(each.size)}`,
    each.worst.error.toExponential(1),
    differs(each) ? "differs" : "",
  ]);
  const table = tableText([["parameter", "type", "moved alone", "worst error", ""], ...rows], [2, 3]);
  const wrong = parameters.filter(differs).length;
  const verdict = wrong === 0 ? "agrees" : `does not agree for ${grouped(wrong)}`;
  if (parameters.length === 0) return head;
  return (
    `${head}${table}The gradient of ${count(parameters.length, "parameter")} ${verdict} with central differences, of entries ` +
    `moved alone and of all moved at once; the limit is ${differenceLimit.toExponential()}.\n`
  );
}
