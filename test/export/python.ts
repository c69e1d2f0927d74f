// A Python on this machine that has a package: Debian's own, or the one that NNC_PYTHON names.
import { spawnSync } from "node:child_process";

export const pythonWith = (name: string): string | undefined =>
  [process.env["NNC_PYTHON"], "/usr/bin/python3", "python3"].find(
    (python) => python !== undefined && spawnSync(python, ["-c", `import ${name}`]).status === 0,
  );
