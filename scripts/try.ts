import { perceptron } from "../test/codegen/hand-module.ts";
import { compile } from "../src/codegen/compile.ts";
import { emitModule } from "../src/codegen/ts/emit.ts";
import { printPlain } from "../src/codegen/ts/plain.ts";
const u = compile(perceptron(process.argv[2] ? process.argv[2].split(",").map(Number) : [4], 64, 784), { target: "ts" });
console.log(printPlain(emitModule(u, true), true));
