// What a run says before its first step: of which model, data and settings it is, and what the untrained model makes of its first rows.
import { changesSince } from "./checkpoint-file.ts";
import { numberText, type Report, resultsText } from "./report.ts";
import type { Run } from "./run.ts";
import { bytesText, count, grouped, shellWord } from "./user-error.ts";

/** `resumed`: the metadata of the checkpoint that the run goes on from. */
export function describeRun(
  run: Run,
  report: Report,
  threads: number,
  resumed: ReadonlyMap<string, string> | undefined,
): void {
  const { plan } = run;
  const { manifest, data } = plan;
  const params = manifest.slots.filter((slot) => slot.kind === "param");
  const numbers = params.reduce(
    (sum, slot) => sum + slot.shape.reduce<number>((n, dim) => n * (typeof dim === "number" ? dim : 0), 1),
    0,
  );
  report.line("model", `${manifest.model}, ${count(numbers, "parameter")} in ${count(params.length, "tensor")}`);
  report.line(
    "compiled",
    `for ${manifest.target}${threads > 1 ? `, ${threads} threads` : ""}, up to ${count(manifest.batch, "row")} per step, arena ${bytesText(manifest.arenaBytes)}`,
  );
  report.line("data", `${data.title}, ${data.from}`);
  const held = [
    data.split.valid.count > 0 ? `, validation ${grouped(data.split.valid.count)}` : "",
    data.split.test.count > 0 ? `, test ${grouped(data.split.test.count)}` : "",
  ].join("");
  report.line("rows", `training ${grouped(data.split.train.count)}${held}`);
  const stop = plan.stop < plan.steps ? `, stopping after ${grouped(plan.stop)}` : "";
  report.line(
    "steps",
    `${grouped(plan.steps)}: ${count(plan.epochs, "epoch")} of ${grouped(plan.batches.perEpoch)}, ${count(plan.batch, "row")} each, seed ${plan.seed}${stop}`,
  );
  if (resumed) {
    const changes = [...changesSince(run, resumed), ...(plan.options.init === undefined ? [] : ["--init is not used"])];
    report.line("resumed", [`after step ${grouped(run.step)}`, ...changes].join("; "));
  } else if (plan.options.resume) {
    report.line(
      "resumed",
      `nothing: there is no checkpoint in ${shellWord(plan.options.checkpoint!)}, so the run begins`,
    );
  }
}

/** The first batch as the untrained model sees it. */
export function describeStart(run: Run, report: Report): void {
  const { plan } = run;
  const rows = run.fillBatch(0);
  const results = run.evaluateBatch(rows);
  const [output] = plan.manifest.outputs;
  if (output) {
    const values = run.trainer.read(output.name);
    const sizes = output.shape.map((dim) => (typeof dim === "number" ? dim : dim.perRow * rows));
    const width = sizes.slice(1).reduce((a, b) => a * b, 1);
    const shown = Array.from(values.subarray(0, Math.min(width, 10)), numberText).join(" ");
    report.line(
      "first prediction",
      `${shown}${width > 10 ? " …" : ""}  (row 0 of ${output.name} [${sizes.join(", ")}])`,
    );
  }
  report.line("before training", `first batch of ${count(rows, "row")}: ${resultsText(results)}`);
}
