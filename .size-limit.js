// The size of what a bundler makes of the package: minified, not compressed, node:* left out. Needs dist.

function modifyEsbuildConfig(config) {
  return { ...config, format: 'esm', platform: 'node', target: 'node20' };
}

export default [
  { name: 'client only', path: 'scripts/size/client.js', limit: '134 kB' },
  { name: 'server only', path: 'scripts/size/server.js', limit: '53 kB' },
  { name: 'client and server with promises', path: 'scripts/size/promises.js', limit: '173 kB' },
  { name: 'health', path: 'scripts/size/health.js', limit: '21 kB' },
  { name: 'reflection', path: 'scripts/size/reflection.js', limit: '21 kB' },
  { name: 'everything', path: 'scripts/size/everything.js', limit: '204 kB' },
].map((entry) => ({ ...entry, brotli: false, gzip: false, modifyEsbuildConfig }));
