/** Runs a command-line tool against a server of this very process. Above: the tests beside it. Below: node:child_process. */
import { execFile } from 'node:child_process';

/** How long one run may take, in milliseconds. */
const PATIENCE_MS = 30_000;

/** How a tool ended, and what it said. */
export interface ToolRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `program` to its end. Rejects where it cannot be started, or has to be killed. */
export function runTool(program: string, args: readonly string[]): Promise<ToolRun> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: PATIENCE_MS, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr });
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
      else reject(error);
    });
  });
}
