/** HAProxy with HTTP/2 at both sides. Above: haproxy.test.ts. Below: proxy-process.ts. */
import { debianTool } from '../../tools.ts';
import type { ProxyKind, ProxySetup } from './proxy-process.ts';

function configuration(setup: ProxySetup): string {
  const { port, tlsPort, upstreamPort, bundleFile, patienceMs } = setup;
  return `
global
  nbthread 1
  tune.h2.max-concurrent-streams 100
  log stderr format short local0 notice
defaults
  mode http
  retries 0
  timeout connect 1s
  timeout client 30s
  timeout server ${patienceMs}ms
frontend front
  bind 127.0.0.1:${port} proto h2
  bind 127.0.0.1:${tlsPort} ssl crt ${bundleFile} alpn h2
  http-request return status 404 if { path_beg /refused. }
  default_backend back
backend back
  server upstream 127.0.0.1:${upstreamPort} proto h2
`;
}

export const HAPROXY: ProxyKind = {
  name: 'haproxy',
  tool: debianTool('haproxy', 'haproxy', ['-v']),
  configuration,
  args: (configFile) => ['-db', '-f', configFile],
  // Not by SIGUSR2 to a master with workers: it loses the signal while it still prepares to wait for some.
  reload: (configFile, pid) => ['-db', '-f', configFile, '-sf', `${pid}`],
  leaveSignal: 'SIGUSR1',
};
