/**
 * The stacks by name. Above: worker.ts loads the one that it runs, so that no stack pays for the others' modules. Below:
 * stacks/.
 */
import type { Stack } from './stack.ts';

/** The order of reports. */
export const STACK_NAMES = ['floor', 'calls', 'reactors', 'promises', 'grpc-js', 'nice-grpc', 'connect'] as const;

export type StackName = (typeof STACK_NAMES)[number];

/** Those of the quick run. */
export const QUICK_STACKS: readonly StackName[] = ['floor', 'calls', 'reactors', 'promises', 'grpc-js'];

export function isStackName(name: string): name is StackName {
  return (STACK_NAMES as readonly string[]).includes(name);
}

const LOADERS: Readonly<Record<StackName, () => Promise<Stack>>> = {
  floor: async () => (await import('./stacks/floor.ts')).FLOOR,
  calls: async () => (await import('./stacks/calls.ts')).CALLS,
  reactors: async () => (await import('./stacks/reactors.ts')).REACTORS,
  promises: async () => (await import('./stacks/promises.ts')).PROMISES,
  'grpc-js': async () => (await import('./stacks/grpc-js.ts')).GRPC_JS,
  'nice-grpc': async () => (await import('./stacks/nice-grpc.ts')).NICE_GRPC,
  connect: async () => (await import('./stacks/connect.ts')).CONNECT,
};

export function loadStack(name: StackName): Promise<Stack> {
  return LOADERS[name]();
}
