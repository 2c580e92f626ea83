/**
 * The stacks by name. Above: worker.ts loads the one that it runs, so that no stack pays for the others' modules. Below:
 * stacks/.
 */
import type { Stack } from './stack.ts';

/** Those that run in Node, in the order of reports. */
export const STACK_NAMES = ['floor', 'calls', 'reactors', 'promises', 'grpc-js', 'nice-grpc', 'connect'] as const;

/** Implementations in other languages, which run in processes of their own: see peers/. Only for those who ask for them. */
export const PEER_NAMES = ['grpc-go'] as const;

export type StackName = (typeof STACK_NAMES)[number] | (typeof PEER_NAMES)[number];

/** Those of the quick run. */
export const QUICK_STACKS: readonly StackName[] = ['floor', 'calls', 'reactors', 'promises', 'grpc-js'];

export function isStackName(name: string): name is StackName {
  return [...STACK_NAMES, ...PEER_NAMES].some((known) => known === name);
}

const LOADERS: Readonly<Record<StackName, () => Promise<Stack>>> = {
  floor: async () => (await import('./stacks/floor.ts')).FLOOR,
  calls: async () => (await import('./stacks/calls.ts')).CALLS,
  reactors: async () => (await import('./stacks/reactors.ts')).REACTORS,
  promises: async () => (await import('./stacks/promises.ts')).PROMISES,
  'grpc-js': async () => (await import('./stacks/grpc-js.ts')).GRPC_JS,
  'nice-grpc': async () => (await import('./stacks/nice-grpc.ts')).NICE_GRPC,
  connect: async () => (await import('./stacks/connect.ts')).CONNECT,
  'grpc-go': () => Promise.reject(new Error('grpc-go does not run in Node')),
};

export function loadStack(name: StackName): Promise<Stack> {
  return LOADERS[name]();
}
