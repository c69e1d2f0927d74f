// Defences that `npm run mutate -- --only defence` takes away one at a time, and the tests that must notice: each line of
// docs/robustness.md has one. The form is that of mutants.mjs.

const faults = "test/runtime/faults.test.ts";
const keeping = "test/runtime/keeping.test.ts";
const driver = "test/runtime/driver.test.ts";
const signals = "test/runtime/process.test.ts";
const resume = "test/hostile/resume.test.ts";
const best = "test/hostile/best.test.ts";
const user = "test/hostile/user.test.ts";
const names = "test/hostile/names.test.ts";
const sizes = "test/hostile/sizes.test.ts";
const files = "test/hostile/files.test.ts";
const indexes = "test/hostile/indexes.test.ts";
const idx = "test/runtime/idx.test.ts";
const readers = "test/runtime/readers.test.ts";
const safetensors = "test/runtime/safetensors.test.ts";
const data = "test/runtime/data.test.ts";
const render = "test/base/render.test.ts";

const without = (name, file, from, to, ...tests) => ({
  name: `defence: ${name}`,
  file: `src/${file}`,
  from,
  to,
  tests,
});

export const defences = [
  // Files.
  without(
    "a file is on disk before it takes its place",
    "runtime/node-writing.ts",
    "      fsyncSync(beside.fd);\n",
    "",
    faults,
  ),
  without(
    "a folder is on disk after it",
    "runtime/node-writing.ts",
    "for (const [folder, named] of folders) told(named, () => syncFolder(folder));",
    "",
    faults,
  ),
  without(
    "what could not be written is removed",
    "runtime/node-writing.ts",
    "if (temporary !== undefined) discard(temporary);",
    "",
    faults,
  ),
  without(
    "a set of files is written before the first takes its place",
    "runtime/node-writing.ts",
    "      if (file) waiting.push(file);",
    "      if (file) renameSync(file.temporary, file.path);",
    faults,
  ),
  without(
    "short writes go on",
    "runtime/node-writing.ts",
    "for (let done = 0; done < bytes.length; ) {",
    "for (let done = 0; done === 0; ) {",
    faults,
  ),
  without(
    "another temporary file is no obstacle",
    "runtime/node-writing.ts",
    'if (codeOf(error) !== "EEXIST") throw error;\n    }\n  }\n}\n\n/** Where',
    "throw error;\n    }\n  }\n}\n\n/** Where",
    user,
  ),
  without(
    "folders are made one by one",
    "runtime/node-writing.ts",
    "if (!stat) makeFolders(dirname(path));",
    "if (!stat) mkdirSync(dirname(path), { recursive: true });",
    user,
  ),
  without(
    "a pipe that nobody reads holds nothing up",
    "runtime/node-writing.ts",
    "constants.O_WRONLY | constants.O_NONBLOCK",
    "constants.O_WRONLY",
    user,
  ),
  without("rights are kept", "runtime/node-writing.ts", "if (stat) keepMode(beside.fd, stat);", "", user, faults),
  without(
    "results stay in their folder",
    "runtime/locate.ts",
    "if (real === undefined || isBelow(real, files.realPath(folder)!)) return path;",
    "if (real === undefined || real !== undefined) return path;",
    user,
  ),
  without(
    "a model reads through no link that leads out",
    "runtime/locate.ts",
    "if (!isBelow(real, files.realPath(folder)!)) {",
    'if (!isBelow(real, files.realPath(folder)!) && name === "") {',
    data,
  ),
  without(
    "a model reads below its folder alone",
    "runtime/locate.ts",
    '|| name.split(/[/\\\\]/).includes("..")',
    "",
    data,
    sizes,
  ),
  without(
    "a model file is no place for results",
    "cli/main.ts",
    "if (/\\.nn$/i.test(path))",
    "if (path === path.at(0))",
    user,
  ),
  without(
    "a folder that cannot be read is no empty one",
    "runtime/node-files.ts",
    "throw notReadable(folder, error);",
    "return [];",
    faults,
  ),

  // Runs.
  without(
    "numbers of --set are taken up again",
    "runtime/checkpoint-file.ts",
    "  restoreSettings(run, metadata);\n",
    "",
    keeping,
    resume,
  ),
  without(
    "the clock goes on",
    "runtime/run.ts",
    "this.setClock(Math.max(0, step - 1));",
    "this.setClock(0);",
    resume,
    driver,
  ),
  without(
    "the order of rows goes on",
    "runtime/batches.ts",
    "new Integers(this.options.seed, epoch)",
    "new Integers(this.options.seed, 0)",
    driver,
    resume,
    "test/runtime/batches.test.ts",
  ),
  without(
    "rows are those of the checkpoint",
    "runtime/checkpoint-file.ts",
    '    ["data hash", hashRows(run, sha256)],\n',
    "",
    best,
  ),
  without(
    "a checkpoint of another run is refused",
    "runtime/checkpoint-file.ts",
    "metadata.get(key) !== value);",
    "metadata.get(key) !== value && key.length > 99);",
    driver,
    best,
  ),
  without(
    "a damaged checkpoint is passed over",
    "runtime/checkpoints.ts",
    '|| error.code !== "params/format") throw error;',
    ") throw error; else throw error;",
    driver,
  ),
  without(
    "checkpoints of another run are left alone",
    "runtime/checkpoints.ts",
    "if (newest !== undefined && newest > nameOf(run.step)) throw",
    "if (newest === undefined && folder === newest) throw",
    keeping,
  ),
  without(
    "a loss that is no number ends the run",
    "runtime/driver.ts",
    'if (!Number.isFinite(loss)) return "diverged";',
    "",
    driver,
  ),
  without("broken parameters are not kept", "runtime/driver.ts", "    if (this.isBroken()) return false;\n", "", best),
  without(
    "the best parameters wait for room",
    "runtime/save-file.ts",
    "const problem = isKept ? this.retry() : this.put(this.parameters());",
    "const problem = isKept ? undefined : this.put(this.parameters());",
    keeping,
  ),
  without(
    "parameters without a place are left elsewhere",
    "runtime/save-file.ts",
    "const left = this.leave();",
    "const left = undefined;",
    keeping,
    user,
  ),
  without(
    "a missing checkpoint fails the run",
    "runtime/driver.ts",
    "return this.isShort ? exitCodes.wrong : exitCodes.done;",
    "return exitCodes.done;",
    keeping,
    driver,
  ),
  without("signals are let in", "runtime/driver.ts", "      await this.io.pause();\n", "", signals),
  without(
    "a second signal is the system's",
    "runtime/node-io.ts",
    '        stop((each) => each !== "SIGHUP");\n',
    "",
    signals,
  ),
  without("a signal that is told twice is one", "runtime/node-io.ts", "const echo = 50;", "const echo = 0;", signals),
  without(
    "a closed pipe is no mistake",
    "runtime/node-io.ts",
    'if (error.code === "EPIPE" || error.code === "EIO") return;',
    "",
    signals,
    "test/cli/process.test.ts",
  ),
  without(
    "a full disk behind what is printed fails the process",
    "runtime/node-io.ts",
    "process.exitCode ||= 1;",
    "",
    user,
  ),

  // Readers.
  without(
    "idx: a file is as long as it says",
    "runtime/idx.ts",
    "if (file.size !== header.total)",
    "if (file.size < header.total)",
    idx,
  ),
  without(
    "idx: nothing follows a packed stream",
    "runtime/idx.ts",
    'if (unpacked.more) throw lengthError(path, header, "more follows");',
    "",
    idx,
  ),
  without(
    "idx: what cannot have been packed is not unpacked",
    "runtime/idx.ts",
    "if (header.total > packed.length * 1032)",
    "if (header.total > packed.length * 1e9)",
    idx,
  ),
  without("gzip: a bomb stops", "runtime/node-files.ts", "maxOutputLength: limit + 1,", "", files, idx),
  without(
    "safetensors: tensors tile the file",
    "runtime/safetensors.ts",
    "if (offset !== end)",
    "if (offset > end)",
    safetensors,
  ),
  without(
    "safetensors: nothing follows the last tensor",
    "runtime/safetensors.ts",
    "if (end !== file.size)",
    "if (end > file.size)",
    safetensors,
  ),
  without(
    "safetensors: a key occurs once",
    "runtime/header-json.ts",
    "if (keys.has(key)) throw",
    "if (keys.has(key) && key === text) throw",
    safetensors,
  ),
  without(
    "safetensors: lists are short",
    "runtime/header-json.ts",
    "if (items.length === longestList) throw",
    "if (items.length === 1e9) throw",
    files,
  ),
  without(
    "npy: a file is as long as it says",
    "runtime/npy.ts",
    "if (wanted !== file.size - offset) {",
    "if (wanted > file.size - offset) {",
    readers,
  ),
  without(
    "csv: cells are short",
    "runtime/csv-cells.ts",
    "if (length <= limits.cell) return;",
    "return;",
    readers,
    files,
  ),
  without(
    "csv: columns are counted",
    "runtime/csv.ts",
    "if (numbers.push(cells.value) > limits.columns)",
    "if (numbers.push(cells.value) > 1e9)",
    readers,
    files,
  ),
  without("text: bytes are UTF-8", "runtime/text-pieces.ts", "fatal: true", "fatal: false", readers),
  without(
    "what changes while it is read is told",
    "runtime/csv.ts",
    "if (rows !== facts.rows || at !== values.length)",
    "if (rows < 0)",
    readers,
  ),
  without(
    "rows of another width are not read",
    "runtime/bind.ts",
    "if (width !== widthWanted(wanted)) {",
    "if (column.values.length >= 0 && width !== widthWanted(wanted)) {",
    files,
  ),
  without(
    "tensors are held to the limits before they are read",
    "cli/evaluation.ts",
    "return bytes > limit ?",
    "return bytes > 1e18 ?",
    files,
  ),
  without(
    "classes are in range",
    "runtime/bind.ts",
    "const high = classes !== undefined ? classes - 1",
    "const high = classes !== undefined ? 255",
    data,
  ),

  // The compiler.
  without(
    "nesting is limited",
    "dsl/nesting.ts",
    "if (depth + frame.suffixes <= limit) {",
    "if (depth + frame.suffixes <= 1e9) {",
    sizes,
  ),
  without(
    "words are limited",
    "dsl/lex.ts",
    "if (before + raw.tokens.length + raw.unknown.length > limit)",
    "if (before + raw.tokens.length > 1e9)",
    sizes,
  ),
  without(
    "operations are limited",
    "dsl/elaborate/context.ts",
    "if (session.built + session.init.builder.nodes.length < session.limits.nodes) return true;",
    "return true;",
    sizes,
  ),
  without(
    "one limit ends the expansion",
    "dsl/elaborate/expressions.ts",
    "if (frame.pass.session.exhausted || !enter(frame, expr.span)) return poison;",
    "if (!enter(frame, expr.span)) return poison;",
    sizes,
  ),
  without("the arena is limited", "codegen/compile.ts", "if (bytes <= limit) return;", "return;", sizes),
  without("imports count together", "cli/model-file.ts", "left -= imported.text.length;", "", sizes),
  without("what lies beside the model changes nothing", "codegen/bundle.ts", "      tsconfigRaw: {},\n", "", sizes),
  without(
    "__proto__ is an ordinary key",
    "codegen/ts/text.ts",
    'name === "__proto__" ? \'["__proto__"]\' :',
    "",
    names,
  ),
  without("comments cannot be ended", "codegen/ts/text.ts", '    .replaceAll("*/", "* /")\n', "", names),
  without(
    "the file's name is on one line",
    "codegen/kernel-docs.ts",
    "comment(fileNameOf(span.source))",
    "span.source.path",
    names,
  ),
  without(
    "texts cannot end their literal",
    "codegen/ts/text.ts",
    "export const quote = (text: string): string =>\n  JSON.stringify(text)",
    'export const quote = (text: string): string =>\n  `"${text}"`',
    names,
  ),
  without("messages are printable", "base/frame.ts", "text.replace(unprintable, escaped)", "text", render, user),
  without("reports are printable", "runtime/report.ts", "printable(text)", "text", user),

  // The explorer.
  without(
    "a foreign host gets nothing",
    "cli/explore.ts",
    'more.length === 0 && addresses(port).includes(host ?? "")',
    "more.length === 0 && host !== undefined",
    user,
  ),
  without(
    "a foreign page gets nothing",
    "cli/explore.ts",
    "if (origin !== undefined && !addresses(port).some((address) => origin === `http://${address}`)) return true;",
    "",
    user,
  ),
  without("another path gets nothing", "cli/explore.ts", 'request.url === "/" && ', "", user),
  without(
    "computed indices are checked",
    "ir/ranges.ts",
    "return found && found.low >= -(2 ** 31) && found.high < 2 ** 31 ? found : undefined;",
    "return found ?? { low: 0, high: 0 };",
    indexes,
  ),
];
