// The size of what a bundler makes of the package: minified, not compressed, node:* left out. Needs dist.
const limit = '65 kB';

function modifyEsbuildConfig(config) {
  return { ...config, format: 'esm', platform: 'node', target: 'node20' };
}

export default [
  { name: 'client only', path: 'scripts/size/client.js' },
  { name: 'client and server', path: 'scripts/size/everything.js' },
].map((entry) => ({ ...entry, limit, brotli: false, gzip: false, modifyEsbuildConfig }));
