// The entry of the page's training worker; its text is joined with the emitted libraries.
import type { Library } from "../runtime/library.ts";
import { UserError } from "../runtime/user-error.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import { PageTrainer } from "./trainer.ts";

interface WorkerScope {
  postMessage(message: FromWorker): void;
  onmessage: ((event: { readonly data: ToWorker }) => void) | null;
}

export function serve(scope: WorkerScope, library: Library, walk: Library | undefined): void {
  let trainer: PageTrainer | undefined;
  const post = (message: FromWorker): void => scope.postMessage(message);
  const failed = (error: unknown): void =>
    post({
      kind: "failed",
      message: error instanceof Error ? error.message : String(error),
      help: error instanceof UserError ? error.help : undefined,
    });
  scope.onmessage = ({ data }) => {
    try {
      if (data.kind === "start") trainer = new PageTrainer(library, walk, data, post);
      else trainer?.receive(data).catch(failed);
    } catch (error) {
      failed(error);
    }
  };
}
