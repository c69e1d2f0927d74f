// A debugger in a worker: sets breakpoints in the main thread over the inspector protocol, tells what it sees at each stop, goes on.
import { Session } from "node:inspector";
import { parentPort, workerData } from "node:worker_threads";

const { breakpoints, exceptions, look } = workerData;
const session = new Session();
session.connectToMainThread();
// Answers of the main thread keep no worker alive.
setInterval(() => {}, 1000);
const ask = (method, params) =>
  new Promise((resolve, reject) => {
    session.post(method, params, (error, result) => (error ? reject(new Error(error.message)) : resolve(result)));
  });

session.on("Debugger.paused", async ({ params: { callFrames, reason } }) => {
  // At an exception the program is one call up: what was thrown was thrown by what looks at results.
  const { callFrameId, location, functionName } = callFrames.find((frame) => frame.functionName.startsWith("run_"));
  const seen = [];
  for (const expression of look) {
    const { result } = await ask("Debugger.evaluateOnCallFrame", { callFrameId, expression, returnByValue: true });
    seen.push(result.subtype === "error" ? null : result.value);
  }
  parentPort.postMessage({ line: location.lineNumber, column: location.columnNumber, functionName, reason, seen });
  await ask("Debugger.resume");
});
await ask("Debugger.enable");
await ask("Debugger.setPauseOnExceptions", { state: exceptions ? "all" : "none" });
for (const { urlRegex, lineNumber, columnNumber } of breakpoints)
  await ask("Debugger.setBreakpointByUrl", { urlRegex, lineNumber, columnNumber });
parentPort.postMessage("ready");
