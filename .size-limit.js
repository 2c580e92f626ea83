// The size of what a bundler makes of the package: minified, not compressed, node:* left out. Needs dist. A limit is the size of
// the day it was set and one per cent: a mend may pass, a new dependency between folders may not.

function modifyEsbuildConfig(config) {
  return { ...config, format: 'esm', platform: 'node', target: 'node20' };
}

export default [
  { name: 'client only', path: 'scripts/size/client.js', limit: '136 kB' },
  { name: 'server only', path: 'scripts/size/server.js', limit: '55 kB' },
  { name: 'client and server with promises', path: 'scripts/size/promises.js', limit: '176 kB' },
  { name: 'health', path: 'scripts/size/health.js', limit: '21 kB' },
  { name: 'reflection', path: 'scripts/size/reflection.js', limit: '21 kB' },
  { name: 'everything', path: 'scripts/size/everything.js', limit: '207 kB' },
].map((entry) => ({ ...entry, brotli: false, gzip: false, modifyEsbuildConfig }));
