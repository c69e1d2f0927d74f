// The page of `nnc explore` as one self-contained file: markup, style, script and model; nothing is fetched, nothing else may run.
import page from "nnc:page";
import { createHash } from "node:crypto";
import { graphStyle } from "../inspect/svg.ts";

/** What the page is given, as the page reads it. */
export interface PageData {
  readonly name: string;
  readonly path: string;
  readonly text: string;
  readonly files: readonly (readonly [path: string, text: string])[];
  readonly data: readonly (readonly [name: string, base64: string])[];
}

const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** Pictures as files have them, then the page's own. */
const style = graphStyle + page.style;

/** Our own script and style by their hashes; the trainer runs in a worker made of text, a blob. No eval. */
export const contentPolicy = [
  "default-src 'none'",
  `script-src ${hash(page.script)} blob:`,
  `style-src ${hash(style)}`,
  "worker-src blob:",
  "img-src data: blob:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** JSON that cannot end the element it stands in. */
const inert = (data: PageData): string => JSON.stringify(data).replace(/</g, "\\u003c");

export const pageHtml = (data: PageData): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${contentPolicy}">
<link rel="icon" href="data:,">
<title>nnc explore</title>
<style>${style}</style>
</head>
<body>
${page.body}
<script type="application/json" id="model">${inert(data)}</script>
<script>${page.script}</script>
</body>
</html>
`;
