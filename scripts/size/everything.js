// All that the main entry point offers; measured by size-limit.
export * from '../../dist/index.js';
