// `npm run docs`: writes the pages of docs/ that are made from tables.
import { writeFileSync } from "node:fs";
import { pages } from "./docs/pages.ts";

for (const [path, text] of pages()) {
  writeFileSync(path, text);
  console.log(path);
}
