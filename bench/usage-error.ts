/** Says that a command line could not be understood. Above: the benchmark's programs. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}
