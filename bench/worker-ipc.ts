/**
 * How a worker answers its parent. Above: worker.ts and count/worker.ts, the programs; worker-process.ts, the parent's side.
 * Below: node's IPC. Holds: one request at a time; what fails is answered with its text; a worker ends with its parent.
 */

/** What the parent sends. Arguments and results can be cloned. */
export interface WorkerRequest {
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What the worker answers. */
export type WorkerResponse = { readonly result: unknown } | { readonly error: string };

/** Answers requests with what the methods of `worker` give. */
export function answerParent(worker: object): void {
  const methods = worker as Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>;
  process.on('disconnect', () => process.exit());
  process.on('message', async ({ method, args }: WorkerRequest) => {
    let response: WorkerResponse;
    try {
      response = { result: await methods[method]?.(...args) };
    } catch (error) {
      response = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    process.send?.(response);
  });
}
