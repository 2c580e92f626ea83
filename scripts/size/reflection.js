// What halfclose/reflection is by itself, to be added to a program's own; measured by size-limit.
export * from '../../dist/reflection/index.js';
